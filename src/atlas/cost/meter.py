"""Joules of a stretch of time: sources read while something runs, and what of it the machine would have drawn idle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from atlas.cost.sources import PERIOD_S, Source, SourceLost

IDLE_S = 2.0
"""How long the machine is watched before the work, to know what it draws without it."""


@dataclass(slots=True)
class Drawn:
    """What each part drew, in joules by ``part: how``, over ``seconds``; ``lost`` are parts that fell silent."""

    joules: dict[str, float] = field(default_factory=dict[str, float])
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list[str])

    @property
    def watts(self) -> dict[str, float]:
        """Mean power by part."""
        return {part: joules / self.seconds for part, joules in self.joules.items()} if self.seconds else {}


@asynccontextmanager
async def metered(sources: Sequence[Source]) -> AsyncGenerator[Drawn]:
    """Measure the block; the figures stand in what is yielded as soon as it ends, however it ends.

    A source that falls silent has no figure at all: half of one would look like a saving.
    """
    drawn, began = Drawn(), time.monotonic()
    alive = dict(_started(sources, drawn))
    polling = asyncio.create_task(_poll(alive, drawn))
    try:
        yield drawn
    finally:
        polling.cancel()
        drawn.joules = {_name(source): joules - alive[source] for source, joules in _read(alive, drawn).items()}
        drawn.seconds = time.monotonic() - began


async def idle_watts(sources: Sequence[Source], seconds: float = IDLE_S) -> dict[str, float]:
    """Mean power by part while nothing is asked of the machine; takes ``seconds``, or none without a source."""
    if not sources:
        return {}
    async with metered(sources) as drawn:
        await asyncio.sleep(seconds)
    return drawn.watts


def above_idle(joules: Mapping[str, float], seconds: float, idle: Mapping[str, float]) -> float | None:
    """What the work added, in joules: each part without what it draws idle, never below 0.

    None where a part's idle power is not known.
    """
    if not joules or any(part not in idle for part in joules):
        return None
    return sum(max(0.0, drawn - idle[part] * seconds) for part, drawn in joules.items())


def _name(source: Source) -> str:
    return f"{source.part}: {source.how}"


def _started(sources: Sequence[Source], drawn: Drawn) -> dict[Source, float]:
    return _read(dict.fromkeys(sources, 0.0), drawn)


def _read(alive: dict[Source, float], drawn: Drawn) -> dict[Source, float]:
    """Joules by source; those that fall silent leave ``alive``."""
    found: dict[Source, float] = {}
    for source in tuple(alive):
        try:
            found[source] = source.joules()
        except SourceLost as error:
            del alive[source]
            drawn.lost.append(str(error))
    return found


async def _poll(alive: dict[Source, float], drawn: Drawn) -> None:
    while True:
        await asyncio.sleep(PERIOD_S)
        _read(alive, drawn)
