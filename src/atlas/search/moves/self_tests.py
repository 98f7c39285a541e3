"""Self-tests: what the model expects for inputs of the pool, voted over several replies (CodeT, arXiv 2207.10397).

The inputs are the pool's, not the model's: predicting an output is the part that needs the model. Asked about are
inputs on which the likeliest candidates differ, the short ones of them first, because those are predicted right
more often. Invalid expectations are counted and asked for again once. Costs ``samples`` short replies, and at most as
many again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

from atlas.problem import Input
from atlas.sandbox.types import Status
from atlas.search import prompts
from atlas.search.moves.expectations import Ballot, read_expected
from atlas.search.outputs import class_of, input_key, output
from atlas.search.pool import Additions, TestCase
from atlas.search.retry import cut_off, limit_for_several
from atlas.search.session import Session
from atlas.search.strategy import Range

NAME = "self_tests"
_CHECKED_WITH = 4
_EXPECTED, _CHECK = "expected.0", "check.0"
"""In the names of requests and executions. Seeds derive from them, and recorded runs hold them as they are."""


async def self_tests(
    session: Session, *, inputs: int = 4, samples: Annotated[int, Range(1)] = 4, ask_again: int = 1
) -> Additions:
    """Ask ``samples`` times for the outputs of ``inputs`` inputs; ask up to ``ask_again`` times for invalid ones."""
    if not session.pool.members:
        return Additions()  # There is nothing that could be tested.
    chosen = choose(session, inputs)
    if not chosen:
        return Additions(reasons=("no inputs were found to write tests for",))
    tests, reasons = await ask_expected(session, NAME, chosen, samples, ask_again=ask_again)
    return Additions(tests=tests, reasons=reasons)


async def ask_expected(
    session: Session, move: str, inputs: Sequence[Input], samples: int, *, ask_again: int = 1
) -> tuple[tuple[TestCase, ...], tuple[str, ...]]:
    """What the model expects for ``inputs``, voted over ``samples`` replies, and why expectations were left out.

    Inputs for which votes are missing are asked about again, ``ask_again`` times at most, in as many replies as are
    missing. A function may be asserted on other inputs than ``inputs``; those count if some candidate answers
    there.
    """
    reasons: list[str] = []
    ballot = Ballot.of(inputs, 0)
    todo, count = list(inputs), samples
    for attempt in range(1 + ask_again):
        messages = prompts.expected_outputs(session.pool.problem, todo)
        request = session.request(messages, f"{move}.{_EXPECTED}", attempt, n=count)
        if len(todo) > 1:  # Each output may be worked out at length.
            client = session.tools.client
            limit = session.measured(f"{move}.{attempt}.limit", limit_for_several(client, request))
            request = replace(request, max_tokens=int(limit))
        read = partial(read_expected, session.pool.problem, asked=todo)
        # Invalid ones are asked for again below, together with votes that are missing.
        reply = await session.ask(
            session.key(move, f"{_EXPECTED}.{attempt}"),
            request,
            lambda c, read=read: not cut_off(c) or bool(read(c).expected),
        )
        if attempt == 0:
            ballot.voters = len(reply.completions)
        for told in map(read, reply.completions):
            ballot.cast(told)
            reasons += told.reasons
        todo = [i for i in inputs if ballot.lacking(i) > 0]
        if not todo or not reply.completions:
            break
        count = max(ballot.lacking(i) for i in todo)
        if attempt < ask_again:
            reasons.append("expected outputs that were missing or invalid were asked for again")
    tests = [TestCase(input, value, move, votes, ballot.voters) for input, value, votes in ballot.cases()]
    return await _checked(session, move, inputs, tests, reasons)


async def _checked(
    session: Session, move: str, asked: Sequence[Input], tests: list[TestCase], reasons: list[str]
) -> tuple[tuple[TestCase, ...], tuple[str, ...]]:
    """``tests`` without those on inputs that were not asked for and that no leading candidate answers.

    Of inputs that were not asked for as many are kept as were asked for, the ones with most votes.
    """
    wanted = {input_key(i) for i in asked}
    own = {
        input_key(t.input): t.input for t in sorted(tests, key=lambda t: -t.votes) if input_key(t.input) not in wanted
    }
    tried = dict(list(own.items())[: len(asked)])
    answered: set[str] = set()
    for member in _leading(session) if tried else ():
        candidate = session.pool.members[member].candidate
        key = session.key(move, _CHECK, candidate.id)
        seen = await session.execute(key, candidate.program, list(tried.values()))
        answered |= {name for name, o in zip(tried, seen, strict=False) if o.status is Status.OK}
    failing = [name for name in tried if name not in answered]
    reasons += ["a test on an input that was not asked for fails in all candidates"] * len(failing)
    return tuple(t for t in tests if input_key(t.input) in wanted | answered), tuple(reasons)


def _leading(session: Session) -> list[int]:
    """The best candidate of each of the likeliest clusters."""
    standing = session.standing
    if standing is None:
        return list(range(min(_CHECKED_WITH, len(session.pool.members))))
    firsts: dict[int, int] = {}
    for member in standing.order:
        firsts.setdefault(int(standing.cluster[member]), int(member))
    return list(firsts.values())[:_CHECKED_WITH]


def choose(session: Session, count: int) -> list[Input]:
    """The inputs most worth asking about: those that tell the likeliest candidates apart, short ones first.

    Examples, inputs with tests, and inputs that most candidates reject are left out. Before anything was run all
    inputs tell alike, and the shortest are taken.
    """
    pool = session.pool
    known = {input_key(e.input) for e in pool.examples} | {input_key(t.input) for t in pool.tests}

    def worth(place: int) -> tuple[float, int, int]:
        return -_parted(session, place), len(input_key(pool.inputs[place])), place

    fresh = [i for i, input in enumerate(pool.inputs) if input_key(input) not in known and _inside(session, i)]
    return [pool.inputs[i] for i in sorted(fresh, key=worth)[:count]]


def _inside(session: Session, place: int) -> bool:
    informative = session.standing.informative if session.standing is not None else ()
    return place >= len(informative) or bool(informative[place])


def _parted(session: Session, place: int) -> float:
    """Chance, to a tenth, that two candidates drawn by their probability differ on an input."""
    standing = session.standing
    masses: dict[str, float] = {}
    clusters: set[int] = set()
    for member in range(len(session.pool.members)):
        if standing is not None:
            if (cluster := int(standing.cluster[member])) in clusters:
                continue  # A cluster's probability is its members' in common.
            clusters.add(cluster)
        weight = 1.0 if standing is None else float(standing.probability[member])
        outcome = _outcome(session, member, place)
        masses[outcome] = masses.get(outcome, 0.0) + weight
    total = sum(masses.values())
    return round(1.0 - sum((m / total) ** 2 for m in masses.values()), 1) if total else 0.0


def _outcome(session: Session, member: int, place: int) -> str:
    seen = session.pool.observation(member, place)
    if seen is None or seen.status is not Status.OK:
        return "-"
    input = session.pool.inputs[place]
    return class_of(input, output(input, seen))
