"""Distinguish: inputs on which the two likeliest groups of candidates differ, and what is right there.

From S* (Li et al. 2025, arXiv 2502.14382), which asks a model for inputs that tell two programs apart, runs both on
them, and lets the model choose. Here most inputs are made mechanically (neighbours and edge cases of the known ones,
values from the annotations), for functions and for programs that read standard input alike; the model is asked for
inputs only where none of those tells the two apart. It is then asked for the *right outputs*, not for the winner:
inputs and votes join the pool, and the evidence decides.

Compared are the best candidates of the likeliest clusters that pass the examples, and of the leading cluster also
members with other code: what agreed on the inputs so far may part on others. Kept are short inputs, those on which
both answer first. An input that the greater part of the votes rejects lies outside the problem's domain, and is
dropped.

It costs no tokens to find inputs (``tries`` executions a candidate, ``texts`` for standard input, in batches that end
once enough is found), ``ask`` short replies for a pair that could not be told apart, and ``samples`` replies for the
expected outputs (see ``self_tests.ask_expected``). Where nothing differs, nothing is asked and nothing is added.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated

from atlas.gather import gather
from atlas.problem import FunctionProblem, Input, Problem
from atlas.sandbox.types import Observation
from atlas.search import prompts
from atlas.search.moves.contest import (
    Contest,
    Groups,
    Outcomes,
    contests,
    differences,
    groups_of,
    known_differences,
    rejected,
    slow,
)
from atlas.search.moves.edges import shows_negative
from atlas.search.moves.making import Make, distinct, generator, neighbours, read_inputs
from atlas.search.moves.self_tests import ask_expected
from atlas.search.outputs import input_key, usable
from atlas.search.pool import Additions
from atlas.search.session import Session
from atlas.search.settings import derived_seed
from atlas.search.strategy import Range

NAME = "distinguish"
_BATCHES = (0, 4, 16, 64, 1 << 16)
"""Inputs are tried a few first: most pairs that differ at all soon do, and a program may turn out to be slow."""


async def distinguish(
    session: Session,
    *,
    pairs: int = 1,
    inputs: Annotated[int, Range(1)] = 6,
    tries: int = 200,
    texts: int = 40,
    ask: int = 1,
    samples: int = 4,
) -> Additions:
    """Tell ``pairs`` pairs of the likeliest clusters apart, and ask ``samples`` times what is right there.

    At most ``inputs`` new inputs are kept for a pair, and ``inputs`` asked about in all. ``tries`` inputs are made for
    a function, ``texts`` for a program that reads standard input. With ``ask`` 0 the model proposes none.
    """
    groups = groups_of(session)
    compared = contests(session, groups, pairs)
    if not compared:
        return Additions()
    count = tries if isinstance(session.pool.problem, FunctionProblem) else texts
    made, seen = await _try_made(session, compared, count, inputs)
    known = [known_differences(session, contest) for contest in compared]
    proposed, reasons = await _try_proposed(session, _untold(compared, known, made, seen), ask, inputs, seen)
    found = [
        _kept(differences(contest, [*made, *proposed], seen), old, inputs)
        for contest, old in zip(compared, known, strict=True)
    ]
    await _hear_others(session, groups, _in_turn(found), seen)
    new = [input for input in _in_turn(found) if not rejected(session.pool, groups, input, seen)]
    asked = _worth_asking(session, [[*a, *b] for a, b in zip(found, known, strict=True)], new)[:inputs]
    if not asked or samples <= 0:
        return Additions(inputs=tuple(new), reasons=reasons)
    tests, why = await ask_expected(session, NAME, asked, samples)
    return Additions(inputs=tuple(new), tests=tests, reasons=(*reasons, *why))


async def _try_made(
    session: Session, compared: Sequence[Contest], count: int, wanted: int
) -> tuple[list[Input], dict[tuple[int, str], Observation]]:
    """Up to ``count`` made inputs, and what the compared candidates do on them, until each pair has ``wanted``."""
    problem = session.pool.problem
    seed = derived_seed(session.settings.seed, problem.id, session.round, NAME)
    rng = random.Random(seed)
    made = distinct(partial(_make, problem), _inside(session), rng, session.pool.inputs, count)
    seen: dict[tuple[int, str], Observation] = {}
    for batch, (start, end) in enumerate(pairwise(_BATCHES)):
        late = slow(seen)
        open = [
            c
            for c in compared
            if late.isdisjoint({c.first, c.second}) and _answered(differences(c, made, seen)) < wanted
        ]
        members = sorted({member for c in open for member in (c.first, c.second)})
        await _run(session, f"made.{batch}", {member: made[start:end] for member in members}, seen)
    return made, seen


def _inside(session: Session) -> list[Input]:
    """The pool's inputs but for those that most candidates reject."""
    informative = session.standing.informative if session.standing is not None else ()
    inputs = enumerate(session.pool.inputs)
    return [input for place, input in inputs if place >= len(informative) or informative[place]]


def _make(problem: Problem, known: Sequence[Input]) -> Make | None:
    """Neighbours of known inputs, one in four from the annotations.

    Those are below zero only where an example is, or where there are no examples to go by.
    """
    examples = [e.input for e in problem.examples]
    near, free = neighbours(known, examples or known, problem), generator(problem)
    if near is None or free is None:
        return near or free
    negatives = not examples or any(shows_negative(input) for input in examples)

    def make(rng: random.Random) -> Input:
        input = free(rng) if rng.random() < 0.25 else near(rng)
        return input if negatives or not shows_negative(input) else near(rng)

    return make


async def _run(
    session: Session, index: str, todo: dict[int, list[Input]], seen: dict[tuple[int, str], Observation]
) -> None:
    """Run each member on its inputs at the same time, and note in ``seen`` what they did."""

    async def one(member: int, inputs: Sequence[Input]) -> None:
        candidate = session.pool.members[member].candidate
        outcomes = await session.execute(session.key(NAME, index, candidate.id), candidate.program, inputs)
        # The deadline may have cut it: then there is less to see.
        seen.update({(member, input_key(i)): o for i, o in zip(inputs, outcomes, strict=False)})

    await gather(one(member, inputs) for member, inputs in todo.items() if inputs)


def _answered(found: Sequence[tuple[int, Input]]) -> int:
    return sum(gap == 0 for gap, _ in found)


def _untold(
    compared: Sequence[Contest], known: Sequence[Sequence[Input]], made: Sequence[Input], seen: Outcomes
) -> list[Contest]:
    """The pairs of clusters that nothing tells apart so far. Equal programs are likelier within a cluster."""
    pairs = zip(compared, known, strict=True)
    return [c for c, old in pairs if not (c.within or old or _answered(differences(c, made, seen)))]


async def _try_proposed(
    session: Session, untold: Sequence[Contest], ask: int, count: int, seen: dict[tuple[int, str], Observation]
) -> tuple[list[Input], tuple[str, ...]]:
    """Inputs that the model proposes for each pair, run on the two; and why replies could not be used."""
    if ask <= 0:
        return [], ()
    asked = await gather(_proposed(session, place, contest, ask, count) for place, contest in enumerate(untold))
    for place, (contest, (inputs, _)) in enumerate(zip(untold, asked, strict=True)):
        todo = {m: list(inputs) for m in (contest.first, contest.second) if m not in slow(seen)}
        await _run(session, f"proposed.{place}", todo, seen)
    return [i for inputs, _ in asked for i in inputs], tuple(r for _, reasons in asked for r in reasons)


async def _proposed(
    session: Session, place: int, contest: Contest, ask: int, count: int
) -> tuple[list[Input], list[str]]:
    pool = session.pool
    first, second = (pool.members[member].candidate for member in (contest.first, contest.second))
    messages = prompts.distinguish(pool.problem, first.code, second.code, count)
    parent = f"{first.id}+{second.id}"
    request = session.request(messages, NAME, place, parent=parent, n=ask)
    key = session.key(NAME, place, parent)
    reply = await session.ask(key, request, lambda c: bool(read_inputs(pool.problem, c.text)))
    read = [read_inputs(pool.problem, completion.text) for completion in reply.completions]
    known = {input_key(i) for i in pool.inputs}
    fresh = {input_key(i): i for inputs in read for i in inputs if usable(i)}
    found = [input for name, input in fresh.items() if name not in known]
    return found[: 2 * count], ["a reply held no usable input"] * sum(not inputs for inputs in read)


def _kept(found: Sequence[tuple[int, Input]], known: Sequence[Input], count: int) -> list[Input]:
    """The best differences; those that only one answers count only where there are no others, old or new."""
    answered = [input for gap, input in found if gap == 0]
    return (answered or ([] if known else [input for _, input in found]))[:count]


async def _hear_others(
    session: Session, groups: Groups, inputs: Sequence[Input], seen: dict[tuple[int, str], Observation]
) -> None:
    """Run the best of each group on those of ``inputs`` that it was not run on, so that it can reject them."""
    others = [group[0] for group in groups if group[0] not in slow(seen)]
    todo = {m: [i for i in inputs if (m, input_key(i)) not in seen] for m in others}
    await _run(session, "others", todo, seen)


def _in_turn(found: Sequence[Sequence[Input]]) -> list[Input]:
    """The first of each list, then the second of each, and so on, without doubles."""
    ranked = sorted((place, i) for i, inputs in enumerate(found) for place in range(len(inputs)))
    return list({input_key(found[i][place]): found[i][place] for place, i in ranked}.values())


def _worth_asking(session: Session, told: Sequence[Sequence[Input]], new: Sequence[Input]) -> list[Input]:
    """What tells the pairs apart, short inputs first, each pair in turn; without what was asked before or rejected."""
    pool = session.pool
    inside = {input_key(i) for i in new} | {input_key(i) for i in pool.inputs}
    tested = {input_key(t.input) for t in pool.tests}
    ranked = [sorted(inputs, key=lambda i: (len(input_key(i)), input_key(i))) for inputs in told]
    return [i for i in _in_turn(ranked) if input_key(i) in inside - tested]
