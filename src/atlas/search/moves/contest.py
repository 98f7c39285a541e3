"""Which candidates to tell apart, and on what they differ. Pure: everything is read from what was observed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from atlas.problem import Input
from atlas.sandbox.types import Observation, Status
from atlas.search.outputs import LIMITS, class_of, input_key, output
from atlas.search.pool import Pool
from atlas.search.session import Session

_LEADING = 5
_MATES = 2
_SLOW = 2
_FAILED = (Status.EXCEPTION, Status.CRASHED, Status.BAD_VALUE, *LIMITS)

Groups: TypeAlias = Sequence[Sequence[int]]
"""Members by cluster, best first, and the best of each cluster first."""
Outcomes: TypeAlias = Mapping[tuple[int, str], Observation]
"""What a member did on an input (``input_key``)."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Two members to tell apart; ``within``: both are of the leading cluster, and may well be equal."""

    first: int
    second: int
    within: bool = False


def groups_of(session: Session) -> Groups:
    """The five likeliest clusters that are still in question.

    Left out are members that answer nowhere, and those that fail an example: what is shown to be wrong is for a
    repair, and telling it from other wrong programs would be wasted.
    """
    pool, standing = session.pool, session.standing
    if standing is None:
        return ()
    found: dict[int, list[int]] = {}
    for member in map(int, standing.order):
        if standing.passes_examples[member] and _answers(pool, member):
            found.setdefault(int(standing.cluster[member]), []).append(member)
    return list(found.values())[:_LEADING]


def contests(session: Session, groups: Groups, pairs: int) -> tuple[Contest, ...]:
    """The ``pairs`` likeliest pairs of clusters, then the leading cluster's best with up to two of its others."""
    standing = session.standing
    if standing is None or pairs <= 0 or not groups:
        return ()
    chances = [round(float(standing.probability[group[0]]), 9) for group in groups]
    ranked = sorted(combinations(range(len(groups)), 2), key=lambda p: -chances[p[0]] * chances[p[1]])
    across = [Contest(groups[i][0], groups[j][0]) for i, j in ranked[:pairs]]
    best, *mates = groups[0]
    return (*across, *(Contest(best, mate, within=True) for mate in mates[:_MATES]))


def gap(input: Input, first: Observation | None, second: Observation | None) -> int | None:
    """How two outcomes differ: 0 both answer, 1 only one does; None where they don't differ, or nobody knows."""
    if first is None or second is None:
        return None
    statuses = {first.status, second.status}
    if statuses == {Status.OK}:
        same = class_of(input, output(input, first)) == class_of(input, output(input, second))
        return None if same else 0
    return 1 if Status.OK in statuses and not statuses.isdisjoint(_FAILED) else None


def differences(contest: Contest, inputs: Sequence[Input], seen: Outcomes) -> list[tuple[int, Input]]:
    """``(gap, input)`` of the inputs that tell the two apart: those that both answer first, then the short ones."""
    found: list[tuple[int, int, str, Input]] = []
    for input in inputs:
        name = input_key(input)
        between = gap(input, seen.get((contest.first, name)), seen.get((contest.second, name)))
        if between is not None:
            found.append((between, len(name), name, input))
    return [(between, input) for between, _, _, input in sorted(found, key=lambda f: f[:3])]


def known_differences(session: Session, contest: Contest) -> list[Input]:
    """The pool's inputs that both answer, each in another way, the examples' and uninformative ones left out."""
    pool, standing = session.pool, session.standing
    known = {input_key(e.input) for e in pool.examples}
    found: list[Input] = []
    for place, input in enumerate(pool.inputs):
        inside = standing is None or place >= len(standing.informative) or standing.informative[place]
        seen = [pool.observation(member, place) for member in (contest.first, contest.second)]
        if inside and input_key(input) not in known and gap(input, *seen) == 0:
            found.append(input)
    return found


def slow(seen: Outcomes) -> set[int]:
    """Members that ran into the clock twice or more: more runs of them would only cost time."""
    late = Counter(m for (m, _), o in seen.items() if o.status in {Status.CPU_LIMIT, Status.WALL_LIMIT})
    return {member for member, times in late.items() if times >= _SLOW}


def rejected(pool: Pool, groups: Groups, input: Input, seen: Outcomes) -> bool:
    """Whether more than half of the votes of those who were run on ``input`` fail there: it is out of the domain.

    A cluster's votes are shared out among those of its members that were run.
    """
    name, total, failing = input_key(input), 0.0, 0.0
    for group in groups:
        outcomes = [seen[member, name] for member in group if (member, name) in seen]
        if outcomes:
            votes = sum(pool.members[member].weight for member in group)
            total += votes
            failing += votes * sum(o.status in _FAILED for o in outcomes) / len(outcomes)
    return failing > 0.5 * total


def _answers(pool: Pool, member: int) -> bool:
    seen = (pool.observation(member, place) for place in range(len(pool.inputs)))
    return any(o is not None and o.status is Status.OK for o in seen)
