"""Inputs: what to run the candidates on. More inputs help more than more candidates, and cost no tokens.

Seeded neighbours and edge cases of the examples' inputs; without examples, values made from the annotations; where
neither says enough, the model is asked, in one short request. No expected output is made here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated

from atlas.problem import FunctionProblem, Input
from atlas.search import prompts
from atlas.search.moves.making import Make, distinct, generator, neighbours, read_inputs
from atlas.search.pool import Additions
from atlas.search.session import Session
from atlas.search.settings import derived_seed
from atlas.search.strategy import Range

NAME = "inputs"


async def inputs(
    session: Session, *, calls: Annotated[int, Range(1)] = 24, texts: Annotated[int, Range(1)] = 12
) -> Additions:
    """Make ``calls`` inputs for a function, ``texts`` for a program that reads standard input."""
    problem = session.pool.problem
    count = calls if isinstance(problem, FunctionProblem) else texts
    seed = derived_seed(session.settings.seed, problem.id, session.round, NAME)
    rng = random.Random(seed)
    examples = [e.input for e in problem.examples]

    def make_from(inputs: Sequence[Input]) -> Make | None:
        return neighbours(inputs, examples or inputs, problem) or generator(problem)

    if make_from(examples) is not None:
        return Additions(inputs=tuple(distinct(make_from, examples, rng, session.pool.inputs, count)))
    return await _asked(session, min(count, 8))


async def _asked(session: Session, count: int) -> Additions:
    """Inputs from the model."""
    problem = session.pool.problem
    key = session.key(NAME, 0)
    request = session.request(prompts.propose_inputs(problem, count), NAME, 0)
    reply = await session.ask(key, request, lambda c: bool(read_inputs(problem, c.text)))
    found: list[Input] = [i for c in reply.completions for i in read_inputs(problem, c.text)]
    if found or not reply.completions:
        return Additions(inputs=tuple(found[: 2 * count]))
    return Additions(reasons=("a reply held no usable input",))
