"""All primitive steps, by source type: one table a file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from atlas.bench.world.primitive import Primitive
from atlas.bench.world.steps import ints, number, rare, text, words


@cache
def all_steps() -> Mapping[str, Primitive]:
    """Every primitive by its name, in a fixed order."""
    table = (*number.STEPS, *ints.STEPS, *text.STEPS, *words.STEPS, *rare.STEPS)
    named = {p.name: p for p in table}
    if len(named) != len(table):
        raise ValueError("two primitives share a name")
    return named
