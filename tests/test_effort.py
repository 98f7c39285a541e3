"""Ten times the text takes about ten times the work: readers of hostile text block everything else while they run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from atlas.errors import UsageError
from atlas.llm.lists import extract_list
from atlas.llm.parse import extract_asserts, extract_blocks
from atlas.llm.programs import read_program
from atlas.statement import read_statement


def program(text: str) -> None:
    read_program(text, "f")


def asserts(text: str) -> None:
    extract_asserts(text, "f")


def statement(text: str) -> None:
    with contextlib.suppress(UsageError):
        read_statement(text)


def seconds(read: Callable[[str], object], text: str) -> float:
    """Of the processor, the best of three."""
    taken: list[float] = []
    for _ in range(3):
        start = time.process_time()
        read(text)
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize(
    ("read", "before", "part", "after"),
    [
        (program, "Sorry.", "\n", "x"),
        (program, "x", " ", "="),
        (program, "function", " ", "x"),
        (program, "", "a b(\n", ""),
        (program, "", "'''python\n", ""),
        (program, "", '"""py\nx\n', "'''python\n1\n'''"),
        (program, "", "<code>", ""),
        (program, "", "[PYTHON]<pre>", ""),
        (program, "´´´", " ", "x"),  # noqa: RUF001
        (program, "", "```\n", ""),
        (program, "", "~~~ x\n", ""),
        (program, "</think>", "<think>", ""),
        (asserts, "", "assert f(1) == [\n", ""),
        (extract_blocks, "", "```\n1\n", ""),
        (extract_list, "- ", "**a ", ""),
        (extract_list, "", "- __a\n", ""),
        (extract_list, "- x", " ", "x\n"),
        (statement, "Do\n", "input:\n1\n", "x"),
        (statement, "Do\nInput:\n", "output:\n", "x"),
        (statement, "Do it. def f(x: int) -> int:\nInput: 3", "\n", "b"),
        (statement, "Do it. def f(x: int) -> int:\n", "Input: 3\n", "b"),
        (statement, "Do it. def f(x: int) -> int:\n", "Example 1:\nInput: 3\nOutput: 4\n", "b"),
        (statement, "Do it. def f(x: int) -> int:", "\n", "b"),
        (statement, "Do it. def f(x: int) -> int:\nf(1) == 2\nexample", " ", "b"),
        (statement, "Do it. def f(x: int) -> int:\nInput: 1\nOutput: 2\n\na", " ", "b"),
        (statement, "def", "\n", "x"),
    ],
)
def test_ten_times_the_text_is_no_hundred_times_the_work(
    read: Callable[[str], object], before: str, part: str, after: str
) -> None:
    few, many = (before + part * (characters // len(part)) + after for characters in (9_000, 90_000))
    # Below a millisecond the clock says nothing; what grows with the square takes seconds here.
    assert seconds(read, many) < 40 * max(seconds(read, few), 0.001)
