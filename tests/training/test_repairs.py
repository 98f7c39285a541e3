"""What is reported of repairs beside drafts."""

from __future__ import annotations

from itertools import combinations

import pytest
from training.repairs import Outcome, Tried, report


def outcome(greedy: bool, drawn: str, drafts: str) -> Outcome:
    """``drawn`` and ``drafts`` hold a + for each reply that is right."""
    marks = [tuple(mark == "+" for mark in text) for text in (drawn, drafts)]
    return Outcome(Tried((greedy,), 80.0), Tried(marks[0], 90.0), Tried(marks[1], 100.0))


@pytest.mark.parametrize("drawn", ["----", "+---", "++--", "+++-", "++++"])
def test_two_are_two_different_draws(drawn: str) -> None:
    pairs = list(combinations(drawn, 2))
    expected = sum("+" in pair for pair in pairs) / len(pairs)
    assert outcome(False, drawn, "----").drawn.of_two == pytest.approx(expected)


def test_the_report_has_the_paired_lead_in_points() -> None:
    found = report([outcome(True, "++--", "+---"), outcome(False, "----", "+---")])
    assert found["failing"] == 2
    assert found["one drawn repair"] == {"drafts": 25.0, "repairs": 25.0, "lead": 0.0, "low": -25.0, "high": 25.0}
    assert found["one greedy repair"]["lead"] == 25.0
    assert found["tokens"] == {"a draft": 100.0, "a drawn repair": 90.0, "a greedy repair": 80.0}
