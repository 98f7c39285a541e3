"""Inputs: what to run the candidates on. More inputs help more than more candidates, and cost no tokens.

Seeded mutations of the examples' inputs; without examples, values made from the annotations; where neither says
enough, the model is asked. No expected output is made here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from atlas.llm.parse import extract_blocks, extract_calls
from atlas.problem import Call, FunctionProblem, Input, Problem, Stdin
from atlas.search import prompts
from atlas.search.moves.stdin_text import format_of, mutated_text
from atlas.search.moves.values import maker, mutated
from atlas.search.outputs import arity_fits, input_key, usable
from atlas.search.pool import Additions
from atlas.search.session import Session
from atlas.search.settings import derived_seed

NAME = "inputs"
_TRIES = 20


async def inputs(session: Session, *, calls: int = 24, texts: int = 12) -> Additions:
    """Make ``calls`` inputs for a function, ``texts`` for a program that reads standard input."""
    problem = session.pool.problem
    count = calls if isinstance(problem, FunctionProblem) else texts
    seed = derived_seed(session.settings.seed, problem.id, session.round, NAME)
    rng = random.Random(seed)
    make = _mutator(problem) or _generator(problem)
    if make is not None:
        known = {input_key(i) for i in session.pool.inputs}
        return Additions(inputs=tuple(_distinct(make, rng, known, count)))
    return await _asked(session, min(count, 8))


def _distinct(
    make: Callable[[random.Random], Input], rng: random.Random, known: set[str], count: int
) -> Iterator[Input]:
    for _ in range(_TRIES * count):
        if count == 0:
            return
        input = make(rng)
        if usable(input) and input_key(input) not in known:
            known.add(input_key(input))
            count -= 1
            yield input


def _mutator(problem: Problem) -> Callable[[random.Random], Input] | None:
    """Changes of the examples' inputs: one to three steps away; arguments may come from different examples."""
    calls = [e.input for e in problem.examples if isinstance(e.input, Call)]
    texts = [e.input for e in problem.examples if isinstance(e.input, Stdin)]
    if calls and all(len(c.args) == len(calls[0].args) > 0 for c in calls):
        return lambda rng: _mutated_call(calls, rng)
    if texts:
        return lambda rng: _mutated_stdin(rng.choice(texts), rng)
    return None


def _mutated_call(calls: list[Call], rng: random.Random) -> Call:
    args = list(rng.choice(calls).args)
    if len(calls) > 1 and rng.random() < 0.3:
        place = rng.randrange(len(args))
        args[place] = rng.choice(calls).args[place]
    for _ in range(rng.choice([1, 1, 2, 3])):
        place = rng.randrange(len(args))
        args[place] = mutated(args[place], rng)
    return Call(tuple(args))


def _mutated_stdin(input: Stdin, rng: random.Random) -> Stdin:
    text, format = input.text, format_of(input.text)
    for _ in range(rng.choice([1, 1, 2, 3])):
        text = mutated_text(text, format, rng)
    return Stdin(text)


def _generator(problem: Problem) -> Callable[[random.Random], Input] | None:
    """Values from the annotations, where every parameter has one that says enough."""
    if not isinstance(problem, FunctionProblem):
        return None
    makers = [maker(p.annotation) for p in problem.signature.parameters]
    known = [m for m in makers if m is not None]
    return (lambda rng: Call(tuple(m(rng) for m in known))) if len(known) == len(makers) else None


async def _asked(session: Session, count: int) -> Additions:
    """Inputs from the model."""
    problem = session.pool.problem
    key = session.key(NAME, 0)
    reply = await session.ask(key, session.request(prompts.propose_inputs(problem, count), NAME, 0))
    found: list[Input] = []
    for completion in reply.completions:
        if isinstance(problem, FunctionProblem):
            called = extract_calls(completion.text, problem.signature.name)
            found += [c for c in called if arity_fits(c, len(problem.signature.parameters))]
        else:
            found += [Stdin(text) for text in extract_blocks(completion.text)]
    if found or not reply.completions:
        return Additions(inputs=tuple(found[: 2 * count]))
    return Additions(reasons=("a reply held no usable input",))
