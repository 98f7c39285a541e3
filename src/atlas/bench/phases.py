"""What a phase of the search changed: how often it began, what it put right, and what it broke.

A phase's rounds are those that the strategy gives its number. Before and after are the candidates that led when its
first round began and when its last one ended (after the search's last round: the answer that was handed over).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from atlas.bench.records import PoolRecord, Submission

Passes: TypeAlias = Callable[[str, str], float | None]
"""Problem and program -> 1 right, 0 wrong, None without a verdict."""


@dataclass(frozen=True, slots=True)
class Solve:
    """One problem and seed of an arm, graded; ``control`` is the answer of the arm that spent the same tokens."""

    answer: Submission
    pool: PoolRecord
    control: Submission | None


@dataclass(frozen=True, slots=True)
class PhaseRates:
    """One phase of an arm, in counts of problems times seeds.

    ``entered`` of ``solves`` played it; of those, ``wrong`` led wrongly before, ``rescued`` of which were right after
    it, and ``damaged`` led rightly before and wrongly after. ``generated_tokens`` it cost. The control are answers
    that spent the same tokens on resampling: on the ``controlled`` solves that entered and have one, it put
    ``control_rescued`` of the same wrong leaders right and ``control_damaged`` of the right ones wrong;
    ``controlled_rescued`` and ``controlled_damaged`` are this arm's own counts on just those solves.
    """

    phase: int
    solves: int
    entered: int
    wrong: int
    rescued: int
    damaged: int
    generated_tokens: int
    controlled: int = 0
    controlled_rescued: int = 0
    controlled_damaged: int = 0
    control_rescued: int = 0
    control_damaged: int = 0


def phase_rates(solves: Sequence[Solve], phases: Iterable[int], passes: Passes) -> tuple[PhaseRates, ...]:
    """The rates of each of ``phases``; solves without a verdict where one is needed are left out."""
    return tuple(_rates(solves, phase, passes) for phase in sorted(phases))


@dataclass(frozen=True, slots=True)
class _Change:
    before: bool
    after: bool
    control: bool | None
    tokens: int


def _rates(solves: Sequence[Solve], phase: int, passes: Passes) -> PhaseRates:
    changes = [change for solve in solves if (change := _change(solve, phase, passes)) is not None]
    paired = [c for c in changes if c.control is not None]
    return PhaseRates(
        phase=phase,
        solves=len(solves),
        entered=len(changes),
        wrong=sum(not c.before for c in changes),
        rescued=_count(changes, before=False),
        damaged=_count(changes, before=True),
        generated_tokens=sum(c.tokens for c in changes),
        controlled=len(paired),
        controlled_rescued=_count(paired, before=False),
        controlled_damaged=_count(paired, before=True),
        control_rescued=sum(not c.before and bool(c.control) for c in paired),
        control_damaged=sum(c.before and not c.control for c in paired),
    )


def _count(changes: Iterable[_Change], *, before: bool) -> int:
    """Changes that began like this and ended otherwise."""
    return sum(c.before is before and c.after is not before for c in changes)


def _change(solve: Solve, phase: int, passes: Passes) -> _Change | None:
    """What the phase did to one solve; None where it was not played or a verdict is missing."""
    rounds = solve.pool.rounds
    played = [i for i, row in enumerate(rounds) if row.phase == phase]
    if not played or played[0] == 0:
        return None
    first, last = played[0], played[-1]
    before = _leads(solve, rounds[first - 1].leader, passes)
    ended = last == len(rounds) - 1
    after = _is_right(solve.answer, passes) if ended else _leads(solve, rounds[last].leader, passes)
    if before is None or after is None:
        return None
    control = None if solve.control is None or solve.control.lost else _is_right(solve.control, passes)
    tokens = sum(rounds[i].generated_tokens - rounds[i - 1].generated_tokens for i in played)
    return _Change(before, after, control, tokens)


def _leads(solve: Solve, leader: str | None, passes: Passes) -> bool | None:
    """Whether a leading candidate is right; without one there is nothing right."""
    if leader is None:
        return False
    code = next(c.code for c in solve.pool.candidates if c.id == leader)
    verdict = passes(solve.pool.problem, code)
    return None if verdict is None else verdict > 0


def _is_right(answer: Submission, passes: Passes) -> bool | None:
    if answer.code is None:
        return False
    verdict = passes(answer.problem, answer.code)
    return None if verdict is None else verdict > 0
