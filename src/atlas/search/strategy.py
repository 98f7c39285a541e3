"""Strategies: schedules of moves with a budget, as data. The arms of an ablation are strategies, nothing else.

The shipped ones are the files ``strategies/*.toml``; ``atlas.search.schedule`` reads their format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

Scalar: TypeAlias = bool | int | float | str
"""A parameter's value."""

When: TypeAlias = Literal["always", "unsettled", "failing", "undecided"]
"""The standing in which a round is played. ``unsettled``: no candidate is probable enough. That has two reasons, which
call for different moves: ``failing``, no candidate passes the statement's examples, so more programs are needed; and
``undecided``, some do (or there are no examples), so it must be found out which is right."""

_SHIPPED = Path(__file__).parent / "strategies"
NAMES = ("single", "sampled", "thinking-only", "best-of-n", "phase1", "phase1+2", "phase1+3", "full")
"""The strategies that ship, in the order in which a person meets them."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a number may be, both ends included; None is no bound. A move says ``n: Annotated[int, Range(1)] = 2``."""

    least: float = 0
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One move with its parameters."""

    move: str
    params: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])


@dataclass(frozen=True, slots=True)
class Round:
    """Moves that run at the same time, up to ``repeat`` times.

    ``when``: only in that standing. ``repeat`` None: again and again while a token budget is given and
    not spent; never without one. ``phase`` says what part of the search the round is, for the report alone.
    """

    steps: tuple[Step, ...]
    when: When = "always"
    repeat: int | None = 1
    phase: int = 1


@dataclass(frozen=True, slots=True)
class Strategy:
    """Rounds in order.

    The search is settled when the best candidate's probability reaches ``settled``, taking it that of candidates which
    differ only one is right. ``max_generated_tokens`` bounds what is spent: no round begins beyond it. ``confirm`` runs
    the winner once more, in a fresh process for each input. ``thinking`` is the most tokens of thought a request may
    take (0: as the run's settings say) and ``extend`` how often an end of thought is put off.
    """

    name: str
    rounds: tuple[Round, ...]
    settled: float = 0.75
    max_generated_tokens: int | None = None
    confirm: bool = True
    thinking: int = 0
    extend: int = 0
    description: str = ""


def shipped(name: str) -> str | None:
    """The text of a strategy that ships; None where there is none of that name."""
    return (_SHIPPED / f"{name}.toml").read_text(encoding="utf-8") if name in NAMES else None
