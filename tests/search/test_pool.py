"""What a candidate that was seen before counts: an independent draw, something made from another, or an echo."""

from search_script import DOUBLE, PLUS_TWO, SQUARE, TWICE

from atlas.sandbox.types import Program
from atlas.search.pool import Candidate, Member, Pool


def add(pool: Pool, id: str, code: str, parent: str | None = None) -> Member:
    move = "draft" if parent is None else "repair"
    return pool.add_candidate(Candidate(id, code, move, parent, id, 5, Program(code, "double")))


def counts(member: Member) -> tuple[int, int, int]:
    return member.drawn, member.derived, member.echoed


def test_an_echo_of_the_parent_adds_no_vote_and_is_still_a_completion() -> None:
    pool = Pool(DOUBLE)
    add(pool, "a", SQUARE)
    echo = add(pool, "b", f"{SQUARE}  # corrected", parent="a")
    assert counts(echo) == (1, 0, 1)
    assert (echo.weight, echo.completions) == (1.0, 2)


def test_an_echo_of_an_earlier_ancestor_adds_no_vote() -> None:
    pool = Pool(DOUBLE)
    add(pool, "a", SQUARE)
    add(pool, "b", PLUS_TWO, parent="a")
    assert counts(add(pool, "c", SQUARE, parent="b")) == (1, 0, 1)
    assert counts(add(pool, "d", PLUS_TWO, parent="b")) == (0, 1, 1)


def test_a_program_found_again_from_another_counts_a_quarter() -> None:
    pool = Pool(DOUBLE)
    add(pool, "a", SQUARE)
    add(pool, "b", TWICE)
    again = add(pool, "c", TWICE, parent="a")
    assert counts(again) == (1, 1, 0)
    assert again.weight == 1.25
    assert counts(add(pool, "d", PLUS_TWO, parent="a")) == (0, 1, 0)


def test_a_parent_that_is_not_in_the_pool_is_no_ancestor() -> None:
    pool = Pool(DOUBLE)
    assert counts(add(pool, "a", TWICE, parent="elsewhere")) == (0, 1, 0)
    assert counts(add(pool, "b", SQUARE, parent="b")) == (0, 1, 0)
