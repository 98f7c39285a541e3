"""Scores of arms over problems, and how two arms compare on the problems that both have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from atlas.bench.stats import Interval, mcnemar, paired_bootstrap, wilson

FEWEST = 10
"""Problems below which no interval of a difference is given: resampling a few problems makes them look certain."""

Scores: TypeAlias = Mapping[str, float]
"""Problem -> mean over the seeds that have a verdict."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean over ``problems`` (each a mean over its seeds) with its 95% Wilson interval."""

    mean: float
    interval: Interval
    problems: int


@dataclass(frozen=True, slots=True)
class Against:
    """One arm minus another, over the ``problems`` that both have. ``interval`` is None for fewer than ``FEWEST``.

    ``gained`` and ``lost`` count problems solved in most seeds by one arm alone; ``p`` is McNemar's,
    ``p_holm`` the same adjusted for the number of arms that are compared.
    """

    difference: float
    interval: Interval | None
    problems: int
    gained: int
    lost: int
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Stratum:
    """One arm on the problems that share a tag, against the first arm and against its first control."""

    tag: str
    value: str
    selected: Score
    against_first: Against | None
    against_control: Against | None


def score(scores: Scores) -> Score:
    """The mean; over no problem 0 with an interval that says nothing."""
    n = len(scores)
    if n == 0:
        return Score(0.0, Interval(0.0, 1.0), 0)
    total = min(float(n), sum(scores.values()))
    return Score(total / n, wilson(total, n), n)


def against(first: Scores, second: Scores) -> Against | None:
    """``second`` minus ``first``; None where they share no problem."""
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    a, b = [first[p] for p in shared], [second[p] for p in shared]
    paired = paired_bootstrap(a, b)
    gained = sum(x <= 0.5 < y for x, y in zip(a, b, strict=True))
    lost = sum(y <= 0.5 < x for x, y in zip(a, b, strict=True))
    p = mcnemar(gained, lost)
    interval = paired.interval if len(shared) >= FEWEST else None
    return Against(paired.difference, interval, len(shared), gained, lost, p, p)


def strata(
    scores: Scores, first: Scores, control: Scores, tags: Mapping[str, Mapping[str, str]]
) -> tuple[Stratum, ...]:
    """``scores`` by every tag in which the problems differ."""
    groups: dict[tuple[str, str], set[str]] = {}
    for problem in scores:
        for tag, value in tags.get(problem, {}).items():
            groups.setdefault((tag, value), set()).add(problem)
    several = Counter(tag for tag, _ in groups)
    found: list[Stratum] = []
    for (tag, value), members in sorted(groups.items()):
        if several[tag] < 2:
            continue  # a tag that all problems share tells nothing
        inside, *others = ({p: s for p, s in some.items() if p in members} for some in (scores, first, control))
        found.append(Stratum(tag, value, score(inside), *(against(other, inside) for other in others)))
    return tuple(found)


def gap_closed(selected: Score, oracle: Score, random: Score) -> float | None:
    """What the selection gets of all that a perfect one would, beyond blind choice; None where there is no gap.

    ``(selected - random) / (oracle - random)``; below 0 where selecting is worse than choosing blindly.
    """
    gap = oracle.mean - random.mean
    return (selected.mean - random.mean) / gap if gap > 1e-9 else None
