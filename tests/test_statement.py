"""A pasted statement becomes a problem."""

import pytest

from atlas.errors import UsageError
from atlas.problem import Call, Example, FunctionProblem, Stdin, StdinProblem
from atlas.statement import read_statement


def test_function_with_examples_in_several_notations() -> None:
    problem = read_statement(
        "Add up the even numbers.\n\nSignature: def total(xs: list[int], start: int = 0) -> int:\n"
        "Examples:\ntotal([1, 2]) == 2\n- `total([4]) -> 4`\n>>> total([6, 1])\n6\nassert total([]) == 0\n"
    )
    assert isinstance(problem, FunctionProblem)
    assert problem.statement == "Add up the even numbers."
    assert str(problem.signature) == "def total(xs: list[int], start: int) -> int:"
    assert [(e.input, e.output) for e in problem.examples] == [
        (Call(([1, 2],)), 2),
        (Call(([4],)), 4),
        (Call(([6, 1],)), 6),
        (Call(([],)), 0),
    ]


def test_signature_on_one_line_with_the_statement() -> None:
    problem = read_statement("Reverse the text. def flip(s: str) -> str:")
    assert isinstance(problem, FunctionProblem)
    assert problem.statement == "Reverse the text."
    assert problem.signature.returns == "str"


@pytest.mark.parametrize(
    "signature",
    [
        "def flip(s: str, n: int = (1 + 2)) -> str:",
        "def flip(\n    s: str,\n    n: int = 3,\n) -> str:",
        "`def flip(s: str, n: int) -> str`",
    ],
)
def test_signatures_with_brackets_and_line_breaks(signature: str) -> None:
    problem = read_statement(f"Reverse the text n times.\n{signature}\nflip('ab', 1) == 'ba'")
    assert isinstance(problem, FunctionProblem)
    assert str(problem.signature) == "def flip(s: str, n: int) -> str:"
    assert problem.statement.startswith("Reverse the text n times.")
    assert [e.output for e in problem.examples] == ["ba"]


def test_program_with_sample_blocks() -> None:
    problem = read_statement("Print the sum.\nExample:\nInput:\n1 2\nOutput:\n3\n\nInput:\n4 4\nOutput:\n8")
    assert isinstance(problem, StdinProblem)
    assert problem.statement == "Print the sum."
    assert problem.examples == (Example(Stdin("1 2\n"), "3\n"), Example(Stdin("4 4\n"), "8\n"))


def test_lines_that_only_look_like_examples_stay_in_the_statement() -> None:
    text = "f(open('/etc/passwd')) == 1 is not an example.\nf(x) == 2\nf(...) == 3\nf(1) == ..."
    problem = read_statement(f"def f(x: int) -> int:\n{text}")
    assert isinstance(problem, FunctionProblem)
    assert problem.examples == ()
    assert "passwd" in problem.statement


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("x" * 100_001, "at most"),
        ("def f(*xs):\nSum them.", "positional"),
        ("def f(x: ][) -> int: do it", "cannot be read"),
        ("def f(x: int) -> int:", "says nothing"),
        ("Sum them: def f(xs, (", "do not close"),
    ],
)
def test_unusable_statements_are_one_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_statement(text)
