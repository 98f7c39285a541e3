"""What an arm took from the machine: energy as it was measured, with idle power and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atlas.bench.records import Energy
from atlas.cost.meter import above_idle


@dataclass(frozen=True, slots=True)
class Consumed:
    """``joules`` of all parts that were measured, over ``seconds``; ``above_idle`` is what the work added.

    None where nothing was measured, or a part fell silent; ``sources`` say what was measured and how, ``lost`` why
    there is no figure. Of an arm that was not timed nothing is known.
    """

    joules: float | None
    above_idle: float | None
    seconds: float | None
    sources: tuple[str, ...]
    lost: tuple[str, ...]


NOTHING_KNOWN = Consumed(None, None, None, (), ())


def consumed(rows: Sequence[Energy]) -> Consumed:
    """Over all seeds and attempts of one arm."""
    lost = tuple(dict.fromkeys(reason for row in rows for reason in row.lost))
    sources = tuple(dict.fromkeys(part for row in rows for part in row.joules))
    seconds = sum(row.seconds for row in rows)
    whole = bool(rows) and not lost and all(row.joules.keys() == set(sources) for row in rows) and bool(sources)
    if not whole:
        return Consumed(None, None, seconds, sources, lost)
    above = [above_idle(row.joules, row.seconds, row.idle_watts) for row in rows]
    known = [joules for joules in above if joules is not None]
    total = sum(joules for row in rows for joules in row.joules.values())
    return Consumed(total, sum(known) if len(known) == len(rows) else None, seconds, sources, lost)
