"""Strategies: schedules of moves with a budget, as data. The arms of an ablation are strategies, nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from atlas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Step:
    """One move with its parameters."""

    move: str
    params: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Round:
    """Moves that run at the same time, up to ``repeat`` times; ``unsettled``: only while the evidence is so."""

    steps: tuple[Step, ...]
    unsettled: bool = False
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Strategy:
    """Rounds in order.

    The search is settled when the best candidate's probability reaches ``settled``. ``max_generated_tokens``
    bounds what is spent: no round begins beyond it. ``confirm`` runs the winner once more, in a fresh process
    for each input.
    """

    name: str
    rounds: tuple[Round, ...]
    settled: float = 0.75
    max_generated_tokens: int | None = None
    confirm: bool = True

    def plan(self) -> Iterator[Round]:
        """The rounds with their repetitions."""
        for round in self.rounds:
            for _ in range(round.repeat):
                yield round


Build: TypeAlias = Callable[..., Strategy]
"""Makes a strategy; its keyword parameters (integers) are what a user may override."""


def single() -> Strategy:
    """One greedy program: the baseline."""
    return Strategy("single", (Round((Step("draft", {"n": 1}),)),))


def sampled() -> Strategy:
    """One program drawn with the model's recommended sampling."""
    return Strategy("sampled", (Round((Step("draft", {"n": 1, "greedy": False}),)),))


def best_of_n(*, n: int = 8, tokens: int = 0) -> Strategy:
    """A greedy program and n - 1 drawn ones, chosen by the same evidence as everything else."""
    rounds = (Round((Step("draft", {"n": n}), Step("inputs"))),)
    return Strategy("best-of-n", rounds, max_generated_tokens=tokens or None)


def full(
    *, n: int = 8, rounds: int = 2, tests: int = 4, samples: int = 4, repairs: int = 2, drafts: int = 4, tokens: int = 0
) -> Strategy:
    """Drafts and inputs; while unsettled self-tests, then rounds of repairs and more drafts.

    ``tests`` inputs are asked about ``samples`` times; ``repairs`` candidates are repaired twice each, beside
    ``drafts`` fresh drafts, in up to ``rounds`` rounds. ``tokens`` bounds what is generated (0: no bound).
    """
    plan = (
        Round((Step("draft", {"n": n}), Step("inputs"))),
        Round((Step("self_tests", {"inputs": tests, "samples": samples}),), unsettled=True),
        Round(
            (Step("repair", {"parents": repairs}), Step("draft", {"n": drafts, "greedy": False})),
            unsettled=True,
            repeat=rounds,
        ),
    )
    return Strategy("full", plan, max_generated_tokens=tokens or None)


STRATEGIES: Mapping[str, Build] = {"single": single, "sampled": sampled, "best-of-n": best_of_n, "full": full}


def load(name: str, strategies: Mapping[str, Build] = STRATEGIES, **overrides: int) -> Strategy:
    """The strategy of that name, with parameters overridden.

    Raises:
        UsageError: there is no such strategy or parameter, or a value below zero (``n``: below one).
    """
    build = strategies.get(name)
    if build is None:
        raise UsageError(f"There is no strategy {name!r}; choose one of {', '.join(strategies)}.")
    known = inspect.signature(build).parameters
    for parameter, value in overrides.items():
        if parameter not in known:
            choices = f"has {', '.join(known)}" if known else "has none"
            raise UsageError(f"The strategy {name!r} has no parameter {parameter!r}; it {choices}.")
        least = 1 if parameter == "n" else 0
        if value < least:
            raise UsageError(f"{parameter}={value} makes no sense for {name!r}; give at least {least}.")
    return build(**overrides)
