"""Selectors over the draws of a pool: how often what they choose is right. Here, and only here, the key is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from atlas.bench.replay.draws import Draw, draw, outcomes
from atlas.bench.replay.executed import Executed
from atlas.bench.replay.peers import Selector
from atlas.bench.replay.recorded import Labels, Recorded, RecordedPool
from atlas.search.evidence import Array, Outcomes

ORACLE = "oracle"
"""Right where any drawn candidate is."""


@dataclass(frozen=True, slots=True, order=True)
class Budget:
    """k candidate completions and m test-writing ones; None takes all that a problem has."""

    k: int | None = None
    m: int | None = None

    def __str__(self) -> str:
        return "all" if self.k is None or self.m is None else f"{self.k},{self.m}"

    def fits(self, samples: tuple[int, int]) -> bool:
        """Whether a pool with so many completions has as many as this budget takes.

        One that has no more is taken whole, as by ``Budget()``: then the two are the same draws.
        """
        return self.k is None or self.m is None or (self.k <= samples[0] and self.m <= samples[1])


_BUDGETS = (Budget(3, 1), Budget(3, 3), Budget(5, 1), Budget(5, 5), Budget(10, 10), Budget())
_WITHOUT_TESTS = (Budget(3, 0), Budget(5, 0), Budget(10, 0), Budget())


def budgets(samples: tuple[int, int]) -> tuple[Budget, ...]:
    """The usual budgets that a pool with at most so many completions of a problem fits."""
    return tuple(b for b in (_BUDGETS if samples[1] else _WITHOUT_TESTS) if b.fits(samples))


@dataclass(frozen=True, slots=True)
class Way:
    """A selector, and whether it is told what the candidates do on more inputs."""

    name: str
    select: Selector
    executed: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """By way (and ``ORACLE``) the share of draws of each problem in which the choice was right; (problems,) in order.

    ``problems`` are their ids.
    """

    problems: tuple[str, ...]
    right: Mapping[str, Array]


def score(
    pool: RecordedPool,
    labels: Labels,
    ways: Sequence[Way],
    budget: Budget,
    *,
    executed: Sequence[Executed] | None = None,
    draws: int = 20,
    seed: int = 0,
) -> Scores:
    """Let every way choose in the same draws. A draw that takes all of a problem is made once.

    Raises:
        ValueError: a way needs more inputs and ``executed`` was not given.
    """
    names = [way.name for way in ways]
    right = {name: np.zeros(len(pool.problems)) for name in (*names, ORACLE)}
    for place, problem in enumerate(pool.problems):
        more = None if executed is None else executed[place]
        every = drawn_from(problem, budget, draws=draws, seed=seed)
        for drawn in every:
            label = labels[problem.id][drawn.members]
            told = {False: outcomes(problem, drawn), True: None if more is None else outcomes(problem, drawn, more)}
            for way in ways:
                right[way.name][place] += hit(way.select, _told(told[way.executed]), label) / len(every)
            right[ORACLE][place] += float(label.max()) / len(every)
    return Scores(tuple(p.id for p in pool.problems), right)


def drawn_from(problem: Recorded, budget: Budget, *, draws: int, seed: int) -> list[Draw]:
    """The draws of a problem: the same for the same problem, budget and seed, in any pool of the same shape."""
    k = len(problem.samples) if budget.k is None else budget.k
    m = len(problem.sample_tests) if budget.m is None else budget.m
    whole = k >= len(problem.samples) and m >= len(problem.sample_tests)
    random = np.random.default_rng([seed, k, m, int.from_bytes(hashlib.sha256(problem.id.encode()).digest()[:4])])
    return [draw(problem, k, m, random) for _ in range(1 if whole else draws)]


def chosen(select: Selector, seen: Outcomes) -> Array:
    """(k,) with which probability each candidate is chosen: ties share by how often each was drawn."""
    scores = np.round(select(seen), 9)
    best = seen.multiplicity * (scores == scores.max())
    return best / best.sum()


def hit(select: Selector, seen: Outcomes, label: Array) -> float:
    """The probability that the choice is right."""
    return float(chosen(select, seen) @ label)


def _told(seen: Outcomes | None) -> Outcomes:
    if seen is None:
        raise ValueError("this way needs the outcomes on more inputs")
    return seen
