"""Moves and strategies of others: modules that a run names and that are imported behind the wall.

A plugin is an importable module with a mapping ``MOVES`` (name -> move), a mapping ``STRATEGIES`` (name -> function
that builds one), or both, of the forms in ``atlas.search.moves`` and ``atlas.search.strategy``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from atlas.errors import UsageError
from atlas.search.moves import MOVES, Move
from atlas.search.strategy import STRATEGIES, Build


@dataclass(frozen=True, slots=True)
class Extensions:
    """The moves and strategies that a run can name."""

    moves: Mapping[str, Move]
    strategies: Mapping[str, Build]


def load_plugins(names: Sequence[str]) -> Extensions:
    """ATLAS's own moves and strategies and those of the modules ``names``; later ones win.

    Raises:
        UsageError: a module can't be imported.
    """
    moves, strategies = dict(MOVES), dict(STRATEGIES)
    for name in names:
        try:
            module = import_module(name)
        except ImportError as error:
            raise UsageError(f"The plugin {name!r} can't be imported ({error}).") from None
        moves.update(getattr(module, "MOVES", {}))
        strategies.update(getattr(module, "STRATEGIES", {}))
    return Extensions(moves, strategies)
