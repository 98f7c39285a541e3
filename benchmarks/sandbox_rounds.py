"""Systems in turn, round after round, and the figures of all rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sandbox_hosted import Hosted, Sample, System
from sandbox_peers.case import Case

Spread = tuple[float, float, float]
"""Smallest, median and largest of the rounds."""


@dataclass(frozen=True)
class Measured:
    """One system at one number of workers. ``tier`` is what a sandbox of ours chose."""

    name: str
    workers: int
    tier: str | None
    how: str
    samples: tuple[Sample, ...]
    programs: int
    misjudged: int
    """Verdicts that are not the truth, over all rounds."""

    def cpu_ms(self) -> Spread:
        """CPU milliseconds a program."""
        return self._spread(lambda s: 1e3 * s.cpu_s / self.programs)

    def per_second(self) -> Spread:
        """Programs judged a second."""
        return self._spread(lambda s: self.programs / s.wall_s)

    def cpu_s(self) -> Spread:
        """CPU seconds a round."""
        return self._spread(lambda s: s.cpu_s)

    def wall_s(self) -> Spread:
        """Seconds a round."""
        return self._spread(lambda s: s.wall_s)

    def data(self) -> dict[str, Any]:
        """All that was measured."""
        return {
            "system": self.name,
            "tier": self.tier,
            "workers": self.workers,
            "counted_by": self.how,
            "programs": self.programs,
            "misjudged": self.misjudged,
            "cpu_s": [round(s.cpu_s, 6) for s in self.samples],
            "wall_s": [round(s.wall_s, 6) for s in self.samples],
        }

    def _spread(self, figure: Callable[[Sample], float]) -> Spread:
        figures = [figure(s) for s in self.samples]
        return min(figures), statistics.median(figures), max(figures)


def measure(systems: Sequence[System], cases: Sequence[Case], workers: int, rounds: int) -> list[Measured]:
    """Judge ``cases`` by each system in turn, ``rounds`` times."""
    truth = [case.passes for case in cases]
    with ExitStack() as stack:
        hosted: list[Hosted] = []
        for system in systems:
            hosted.append(Hosted(system, cases, workers))
            stack.callback(hosted[-1].close)
        samples: list[list[Sample]] = [[] for _ in hosted]
        for _ in range(rounds):
            for place, one in enumerate(hosted):
                samples[place].append(one.sample())
        return [
            Measured(
                name=one.system.name,
                workers=workers,
                tier=one.tier,
                how=one.how,
                samples=tuple(taken),
                programs=len(cases),
                misjudged=sum(a != b for s in taken for a, b in zip(s.passed, truth, strict=True)),
            )
            for one, taken in zip(hosted, samples, strict=True)
        ]


def ratio(dear: Measured | None, cheap: Measured | None) -> float | None:
    """How many times the CPU time of the second the first needs: the median of the rounds' ratios."""
    if dear is None or cheap is None:
        return None
    pairs = zip(dear.samples, cheap.samples, strict=True)
    return round(statistics.median(a.cpu_s / b.cpu_s for a, b in pairs), 3)
