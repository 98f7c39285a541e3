"""Entry, rescue and damage of a phase, from records written by hand."""

from __future__ import annotations

from atlas.bench.phases import PhaseRates, Solve, phase_rates
from atlas.bench.records import PoolCandidate, PoolRecord, RoundRow, Submission

RIGHT, WRONG, UNKNOWN = "right", "wrong", "unknown"


def passes(problem: str, code: str) -> float | None:
    return {RIGHT: 1.0, WRONG: 0.0, UNKNOWN: None}[code]


def submitted(code: str | None, lost: str = "") -> Submission:
    return Submission(problem="p", code=code, candidate=code, move="draft", confidence=0.5, lost=lost)


def solve(*rounds: tuple[int, str | None], answer: str | None, control: str | None = "none") -> Solve:
    """Rounds as (phase, the leader after it); every round costs ten tokens."""
    candidates = tuple(
        PoolCandidate(id=code, move="draft", parent=None, code=code, count=1, tokens=1)
        for code in (RIGHT, WRONG, UNKNOWN)
    )
    rows = tuple(
        RoundRow(phase=p, leader=leader, generated_tokens=10 * (i + 1)) for i, (p, leader) in enumerate(rounds)
    )
    pool = PoolRecord(problem="p", candidates=candidates, rounds=rows)
    return Solve(submitted(answer), pool, None if control == "none" else submitted(control))


def test_a_phase_that_was_not_entered_counts_among_all_only():
    (rates,) = phase_rates([solve((1, RIGHT), answer=RIGHT)], [3], passes)
    assert rates == PhaseRates(3, solves=1, entered=0, wrong=0, rescued=0, damaged=0, generated_tokens=0)


def test_rescued_damaged_and_what_stayed():
    solves = [
        solve((1, WRONG), (3, WRONG), (3, RIGHT), answer=RIGHT),
        solve((1, None), (3, RIGHT), answer=RIGHT),
        solve((1, RIGHT), (3, WRONG), answer=WRONG),
        solve((1, RIGHT), (3, WRONG), (3, RIGHT), answer=RIGHT),
        solve((1, WRONG), (3, WRONG), answer=WRONG),
        solve((1, RIGHT), answer=RIGHT),
    ]
    (rates,) = phase_rates(solves, [3], passes)
    assert (rates.solves, rates.entered, rates.wrong) == (6, 5, 3)
    assert (rates.rescued, rates.damaged) == (2, 1)
    assert rates.generated_tokens == 70
    assert rates.controlled == 0


def test_phases_one_after_the_other_are_told_apart():
    solves = [solve((1, WRONG), (2, RIGHT), (3, RIGHT), (3, WRONG), answer=WRONG)]
    second, third = phase_rates(solves, [3, 2], passes)
    assert (second.phase, second.rescued, second.damaged) == (2, 1, 0)
    assert (third.phase, third.rescued, third.damaged) == (3, 0, 1)


def test_after_the_last_round_the_answer_counts_not_its_leader():
    confirmed = solve((1, WRONG), (3, WRONG), answer=RIGHT)
    (rates,) = phase_rates([confirmed], [3], passes)
    assert rates.rescued == 1


def test_the_control_is_judged_on_the_same_leaders():
    solves = [
        solve((1, WRONG), (3, RIGHT), answer=RIGHT, control=WRONG),
        solve((1, WRONG), (3, WRONG), answer=WRONG, control=RIGHT),
        solve((1, RIGHT), (3, RIGHT), answer=RIGHT, control=WRONG),
        solve((1, RIGHT), (3, WRONG), answer=WRONG, control=None),
        solve((1, WRONG), (3, RIGHT), answer=RIGHT, control=UNKNOWN),
        solve((1, RIGHT), answer=RIGHT, control=WRONG),
    ]
    (rates,) = phase_rates(solves, [3], passes)
    assert (rates.entered, rates.controlled) == (5, 4)
    assert (rates.rescued, rates.controlled_rescued, rates.controlled_damaged) == (2, 1, 1)
    assert (rates.control_rescued, rates.control_damaged) == (1, 2)


def test_what_has_no_verdict_is_left_out():
    solves = [
        solve((1, UNKNOWN), (3, RIGHT), answer=RIGHT),
        solve((1, RIGHT), (3, RIGHT), answer=UNKNOWN),
    ]
    (rates,) = phase_rates(solves, [3], passes)
    assert (rates.solves, rates.entered) == (2, 0)
