"""Repair: the likeliest candidates are shown where they fail, and asked for again corrected.

A failure is an example's if one fails. Otherwise it is an input where the candidate differs from what most votes
say: a self-test that agrees with other candidates, or the agreement itself. A repair is judged like any other
candidate; it wins by evidence only.
"""

from __future__ import annotations

from dataclasses import replace

from atlas.gather import gather
from atlas.problem import Input
from atlas.sandbox.types import Status
from atlas.search import prompts
from atlas.search.moves.programs import merged, read_programs
from atlas.search.outputs import class_of, input_key, matches, output, shown, shown_value
from atlas.search.pool import Additions
from atlas.search.prompts import Failure
from atlas.search.session import Session

NAME = "repair"


async def repair(session: Session, *, parents: int = 2, samples: int = 2, failures: int = 1) -> Additions:
    """Ask for ``samples`` repairs of each of the ``parents`` best candidates (one a cluster) that fail somewhere."""
    jobs = [
        _of(session, j, member, failing, samples)
        for j, (member, failing) in enumerate(_targets(session, parents, failures))
    ]
    return merged(await gather(jobs))


async def _of(session: Session, place: int, member: int, failing: list[Failure], samples: int) -> Additions:
    candidate = session.pool.members[member].candidate
    key = session.key(NAME, place, candidate.id)
    messages = prompts.repair(session.pool.problem, candidate.code, failing)
    request = session.request(messages, NAME, place, parent=candidate.id, n=samples)
    reply = await session.ask(key, request)
    ids = [f"{NAME}-{session.round}.{place}.{i}" for i in range(samples)]
    tried = tuple((candidate.id, input_key(f.input)) for f in failing)
    return replace(read_programs(session, reply, NAME, key, ids, parent=candidate.id), tried=tried)


def _targets(session: Session, parents: int, failures: int) -> list[tuple[int, list[Failure]]]:
    """The best candidates of the best clusters that were not repaired yet, with what they fail on."""
    standing = session.standing
    if standing is None:
        return []
    clusters: set[int] = set()
    found: list[tuple[int, list[Failure]]] = []
    for member in (int(u) for u in standing.order):
        candidate = session.pool.members[member].candidate
        cluster = int(standing.cluster[member])
        if len(found) == parents or cluster in clusters or any(id == candidate.id for id, _ in session.pool.tried):
            continue
        failing = (_failed_examples(session, member) or _outvoted(session, member))[:failures]
        if failing:
            clusters.add(cluster)
            found.append((member, failing))
    return found


def _failed_examples(session: Session, member: int) -> list[Failure]:
    pool = session.pool
    found: list[Failure] = []
    for example in pool.examples:
        seen = pool.observation(member, pool.index_of(example.input))
        if seen is not None and not matches(example.input, example.output, seen):
            expected = shown_value(example.input, example.output)
            found.append(Failure(example.input, shown(example.input, seen), expected))
    return found


def _outvoted(session: Session, member: int) -> list[Failure]:
    """Failures against what most votes say, the strongest majority first."""
    pool, standing = session.pool, session.standing
    assert standing is not None
    found: list[tuple[float, int, Failure]] = []
    for place, input in enumerate(pool.inputs):
        seen = pool.observation(member, place)
        if seen is None or (place < len(standing.informative) and not standing.informative[place]):
            continue
        verdict = _majority(session, place)
        if verdict is None or verdict[0] <= 0.5 or matches(input, verdict[1], seen):
            continue
        failure = Failure(input, shown(input, seen), shown_value(input, verdict[1]))
        found.append((-verdict[0], place, failure))
    return [failure for _, _, failure in sorted(found, key=lambda f: f[:2])]


def _majority(session: Session, place: int) -> tuple[float, object] | None:
    """The output with most votes at an input, and its share: candidates' votes, and tests' by their reliability."""
    pool = session.pool
    input: Input = pool.inputs[place]
    votes: dict[str, float] = {}
    values: dict[str, object] = {}
    total = 0.0
    for u, member in enumerate(pool.members):
        seen = pool.observation(u, place)
        total += member.weight
        if seen is not None and seen.status is Status.OK:
            value = output(input, seen)
            name = class_of(input, value)
            votes[name] = votes.get(name, 0.0) + member.weight
            values.setdefault(name, value)
    reliability = session.standing.reliability if session.standing is not None else 0.0
    for test in pool.tests:
        if pool.index_of(test.input) == place:
            name = class_of(input, test.expected)
            votes[name] = votes.get(name, 0.0) + reliability * test.votes
            values.setdefault(name, test.expected)
            total += reliability * test.votes
    if not votes:
        return None
    best = max(votes, key=lambda name: (votes[name], name))
    return votes[best] / total, values[best]
