"""What is reported of repairs beside drafts."""

from __future__ import annotations

from itertools import combinations

import pytest
from training.repairs import Outcome, Tried, report


def outcome(greedy: bool, drawn: str, drafts: str) -> Outcome:
    """``drawn`` and ``drafts`` hold a + for each reply that is right."""
    marks = [tuple(mark == "+" for mark in text) for text in (drawn, drafts)]
    return Outcome(Tried((greedy,), 80.0), Tried(marks[0], 90.0), Tried(marks[1], 100.0))


@pytest.mark.parametrize("drafts", ["----", "+---", "++--", "+++-", "++++"])
def test_two_drafts_are_two_different_draws(drafts: str) -> None:
    pairs = list(combinations(drafts, 2))
    expected = sum("+" in pair for pair in pairs) / len(pairs)
    assert outcome(False, "----", drafts).two_drafts == pytest.approx(expected)


def test_two_repairs_are_the_greedy_one_and_a_drawn_one() -> None:
    assert outcome(True, "----", "----").two_repairs == 1.0
    assert outcome(False, "+---", "----").two_repairs == 0.25


def test_the_report_has_the_paired_lead_in_points() -> None:
    found = report([outcome(True, "++--", "+---"), outcome(False, "----", "+---")])
    assert found["failing"] == 2
    assert found["one drawn repair"] == {"drafts": 25.0, "repairs": 25.0, "lead": 0.0, "low": -25.0, "high": 25.0}
    assert found["one greedy repair"]["lead"] == 25.0
    assert found["tokens"] == {"a draft": 100.0, "a drawn repair": 90.0, "a greedy repair": 80.0}
