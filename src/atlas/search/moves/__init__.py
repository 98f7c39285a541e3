"""Moves: one technique a file. A move reads the session's pool, asks the model, and returns what it found.

It never ranks, and it never touches the pool itself: additions are merged at the end of the round in the strategy's
order, so that the order in which replies arrive can't matter. A new technique is a new file and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from atlas.search.moves.distinguish import distinguish
from atlas.search.moves.div_sampling import div_sampling
from atlas.search.moves.draft import draft
from atlas.search.moves.inputs import inputs
from atlas.search.moves.plan_search import plan_search
from atlas.search.moves.refine import refine
from atlas.search.moves.repair import repair
from atlas.search.moves.self_tests import self_tests
from atlas.search.pool import Additions

Move: TypeAlias = Callable[..., Coroutine[Any, Any, Additions]]
"""``async def move(session: Session, *, parameter=default, ...) -> Additions``."""

MOVES: Mapping[str, Move] = {
    "draft": draft,
    "plan_search": plan_search,
    "div_sampling": div_sampling,
    "inputs": inputs,
    "distinguish": distinguish,
    "self_tests": self_tests,
    "repair": repair,
    "refine": refine,
}
