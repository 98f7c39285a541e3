"""Do the clocks fall under sustained load? Told once for each stretch of work, with what is known of the reason."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from atlas.engine.serving.clocks import Clocks

_IDLE_S = 30.0
"""A pause after which work counts as a new stretch: what was hot has cooled."""
_FIRST = 4
"""Readings at the start of a stretch that say how fast it can be."""
_LAST = 3
_CLOCK_FALL = 0.9
"""Below this share of the first clocks it is told; boost clocks wander by a few percent."""
_SPEED_FALL = 0.8
"""The same of requests' speed, which also depends on how long they are."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look: seconds, the clocks, requests being worked on, and tokens a second of one request where known."""

    at: float
    clocks: Clocks
    busy: int
    speed: float | None = None


class Stretch:
    """Follows one server's work from reading to reading."""

    def __init__(self) -> None:
        self._readings: list[Reading] = []
        self._idle_since: float | None = None
        self._told = False

    def add(self, reading: Reading) -> str | None:
        """Take a reading; a sentence where it shows that things got slower, the first time in a stretch."""
        if not reading.busy:
            self._idle_since = reading.at if self._idle_since is None else self._idle_since
            if reading.at - self._idle_since >= _IDLE_S:
                self._readings, self._told = [], False
            return None
        self._idle_since = None
        self._readings.append(reading)
        if len(self._readings) > _FIRST + _LAST:
            del self._readings[_FIRST]  # the first and the last ones are compared
        if self._told:
            return None
        found = self._held() or self._slower_clocks() or self._slower_requests()
        self._told = found is not None
        return found

    def _held(self) -> str | None:
        """Two readings in a row in which the device itself gives a reason."""
        last = self._readings[-2:]
        reasons = [r for r in last[-1].clocks.held if len(last) == 2 and last[0].clocks.held]
        if not reasons:
            return None
        mhz = last[-1].clocks.mhz
        now = "" if mhz is None else f" (now {mhz:,.0f} MHz)"
        return f"The clocks are held back {self._after()}{now}: {', '.join(reasons)}."

    def _slower_clocks(self) -> str | None:
        first = [r.clocks.mhz for r in self._readings[:_FIRST] if r.clocks.mhz is not None]
        last = [r.clocks.mhz for r in self._readings[_FIRST:][-_LAST:] if r.clocks.mhz is not None]
        if len(first) < _FIRST or len(last) < _LAST:
            return None
        before, now = statistics.median(first), statistics.median(last)
        if now >= _CLOCK_FALL * before:
            return None
        return f"The clocks fell from {before:,.0f} to {now:,.0f} MHz {self._after()}."

    def _slower_requests(self) -> str | None:
        """Only where no clock is known, and only between times of as many requests."""
        if any(r.clocks.mhz is not None for r in self._readings):
            return None
        busy = self._readings[-1].busy
        speeds = [[r.speed for r in part if r.speed is not None and r.busy == busy] for part in self._parts()]
        if len(speeds[0]) < _LAST or len(speeds[1]) < _LAST:
            return None
        before, now = (statistics.median(part) for part in speeds)
        if now >= _SPEED_FALL * before:
            return None
        return (
            f"Requests slowed from {before:.3g} to {now:.3g} tokens/s {self._after()}, {busy} at a time as before; "
            "the clocks cannot be read here, so it may be heat or longer prompts."
        )

    def _parts(self) -> tuple[list[Reading], list[Reading]]:
        return self._readings[:_FIRST], self._readings[_FIRST:][-_LAST:]

    def _after(self) -> str:
        seconds = self._readings[-1].at - self._readings[0].at
        return f"after {seconds:.0f} s of load" if seconds < 120 else f"after {seconds / 60:.0f} minutes of load"
