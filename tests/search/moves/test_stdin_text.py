from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.search.moves.stdin_text import format_of, neighbour


def near(text: str, count: int = 150, *, negatives: bool = False) -> set[str]:
    return {neighbour(text, random.Random(seed), negatives=negatives) for seed in range(count)}


def tokens_counted(text: str) -> bool:
    count, numbers = text.splitlines()
    return int(count) == len(numbers.split())


def rows_counted(text: str) -> bool:
    lines = text.splitlines()
    return int(lines[0]) == len(lines) - 1 and all(len(line.split()) == 2 for line in lines[1:])


def cases_counted(text: str) -> bool:
    lines = text.splitlines()
    pairs = list(zip(lines[1::2], lines[2::2], strict=True))
    return int(lines[0]) == len(pairs) and all(int(n) == len(xs.split()) for n, xs in pairs)


def first_of_two_counted(text: str) -> bool:
    first, numbers = text.splitlines()
    return int(first.split()[0]) == len(numbers.split()) and len(first.split()) == 2


def word_counted(text: str) -> bool:
    count, word = text.splitlines()
    return int(count) == len(word) > 0


def grid_counted(text: str) -> bool:
    first, *rows = text.splitlines()
    height, width = map(int, first.split())
    return height == len(rows) and all(len(row.split()) == width for row in rows)


def picture_counted(text: str) -> bool:
    first, *rows = text.splitlines()
    height, width = map(int, first.split())
    return height == len(rows) and all(len(row) == width for row in rows)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("4\n3 1 2 9\n", tokens_counted),
        ("3\nred 4\nblue 1\ngreen 7\n", rows_counted),
        ("2\n3\n1 2 3\n2\n4 5\n", cases_counted),
        ("3 7\n1 2 4\n", first_of_two_counted),
        ("5\nhello\n", word_counted),
        ("2 3\n1 2 3\n4 5 6\n", grid_counted),
        ("2 4\n#..#\n.##.\n", picture_counted),
        ("2 4\n0110\n1001\n", picture_counted),
    ],
)
def test_counts_stay_true(text: str, holds: Callable[[str], bool]) -> None:
    found = near(text)
    assert len(found) > 20
    assert all(holds(other) for other in found)


def test_sizes_reach_one_and_grow() -> None:
    sizes = {int(text.split()[0]) for text in near("4\n3 1 2 9\n")}
    assert {1, 3, 4, 5, 8} <= sizes
    rows = {int(text.split()[0]) for text in near("3\nred 4\nblue 1\ngreen 7\n")}
    assert {1, 2, 3, 4, 6} <= rows


def test_all_tokens_equal_is_an_edge_case() -> None:
    assert any(len(set(text.split()[1:])) == 1 and len(text.split()) == 5 for text in near("4\n3 1 2 9\n"))


def test_numbers_become_zero_and_one() -> None:
    values = {text.strip() for text in near("57\n")}
    assert {"0", "1"} <= values


def test_numbers_are_negative_only_where_that_was_seen() -> None:
    text = "x 57 0.5\n"
    assert not any("-" in other for other in near(text))
    assert any("-57" in other for other in near(text, negatives=True))


def test_a_count_of_one_says_nothing_of_the_next_line() -> None:
    assert format_of("7 1\nabc\n").lengths == ()
    assert format_of("5 3\nabc\n").lengths == ((0, 1),)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40) | st.from_regex(r"[0-4]( [0-4])?(\n[0-4a]( ?[0-4a]){0,3}){0,5}"), st.integers(0, 100))
def test_any_text_has_neighbours(text: str, seed: int) -> None:
    assert neighbour(text, random.Random(seed), negatives=True).endswith("\n")
