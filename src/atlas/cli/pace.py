"""How fast a run goes, what it draws, and how long it will take: from its events, for its progress line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas.bench.events import Event

_LATELY = 6
"""Stretches over which tokens a second are a mean."""


@dataclass(slots=True)
class Pace:
    """Fed with every event of a run; ``attempts`` are problems times seeds times arms."""

    attempts: int = 0
    done: int = 0
    joules: float = 0.0
    _tokens: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    _seconds: dict[str, float] = field(default_factory=dict[str, float])
    _done: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict[tuple[str, int], tuple[int, int]])

    def __call__(self, event: Event) -> None:
        """Follow the run."""
        if event.kind == "phase" and event.total:
            self.attempts = event.total
        elif event.kind == "solved":
            self._done[event.arm, event.seed] = (event.done, event.total)
            self.done = sum(done for done, _ in self._done.values())
        elif event.kind == "pace":
            self.joules += event.joules
            self._seconds[event.arm] = self._seconds.get(event.arm, 0.0) + event.seconds
            self._tokens = [*self._tokens[1 - _LATELY :], (event.tokens, event.seconds)]

    @property
    def tokens_per_s(self) -> float | None:
        """Lately; None before anything was measured."""
        seconds = sum(seconds for _, seconds in self._tokens)
        return sum(tokens for tokens, _ in self._tokens) / seconds if seconds else None

    @property
    def seconds_left(self) -> float | None:
        """Each arm at its own pace so far, arms that have not begun at the mean of the others; None if none has one."""
        by_arm: dict[str, int] = {}
        for (arm, _), (done, _) in self._done.items():
            by_arm[arm] = by_arm.get(arm, 0) + done
        paces = {arm: self._seconds[arm] / done for arm, done in by_arm.items() if done and self._seconds.get(arm)}
        if not paces:
            return None
        mean = sum(paces.values()) / len(paces)
        begun = sum((total - done) * paces.get(arm, mean) for (arm, _), (done, total) in self._done.items())
        return begun + mean * (self.attempts - sum(total for _, total in self._done.values()))

    def words(self) -> str:
        """The line: 210 tokens/s, 3.2 kJ, about 4 min left; empty before anything was measured."""
        told: list[str] = []
        if (rate := self.tokens_per_s) is not None:
            told.append(f"{rate:,.0f} tokens/s")
        if self.joules:
            told.append(f"{self.joules / 1e3:,.1f} kJ")
        if (left := self.seconds_left) is not None and self.done < self.attempts:
            told.append(f"about {_duration(left)} left")
        return ", ".join(told)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
