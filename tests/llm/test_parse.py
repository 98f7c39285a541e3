"""Replies as models write them, the ugly ones first."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.llm.parse import extract_asserts, extract_blocks, extract_calls, extract_program
from atlas.problem import Call

GOOD = "def f(x):\n    return x + 1\n"
DEEP = 200_000


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("```python\n" + GOOD + "```", GOOD),
        ("Sure!\n\n```py\n" + GOOD + "```\nIt adds one.", GOOD),
        ("```\n" + GOOD + "```", GOOD),
        ("~~~python\n" + GOOD + "~~~", GOOD),
        ("````python\n" + GOOD + "````", GOOD),
        ("Here it is: ```python\n" + GOOD + "```", GOOD),
        ("```python\r\ndef f(x):\r\n    return x + 1\r\n```\r\n", GOOD),
        ("1. The code:\n   ```python\n   def f(x):\n       return x + 1\n   ```\n", GOOD),
        ("```python\ndef f(x):\n    return x + 1```", GOOD),
        ("```python\n" + GOOD, GOOD),
        ("```python\n" + GOOD + "\nThis works because it adds one.\n", GOOD),
        ("```python\ndef g():\n    pass\n\n```python\n" + GOOD + "```", GOOD),
        (GOOD, GOOD),
        ("Here is the function:\n" + GOOD + "\nI hope it helps!", GOOD),
        ("<think>```python\ndef f(x): return 0\n```</think>\n```python\n" + GOOD + "```", GOOD),
        ("```def f(x): return x + 1```", "def f(x): return x + 1\n"),
        ("```python\nf = lambda x: x + 1\n```", "f = lambda x: x + 1\n"),
        ("```python\nx = '\\d'\n" + GOOD + "```", "x = '\\d'\n" + GOOD),
    ],
)
def test_program_is_found(reply: str, expected: str) -> None:
    assert extract_program(reply, "f") == expected


def test_the_block_that_defines_the_entry_is_taken() -> None:
    reply = "```python\n" + GOOD + "```\nUse it so:\n```python\nprint(f(1))\n```\n```\n2\n```"
    assert extract_program(reply, "f") == GOOD


def test_the_last_of_two_definitions_is_taken() -> None:
    reply = "```python\ndef f(x):\n    return x\n```\nOops, better:\n```python\n" + GOOD + "```"
    assert extract_program(reply, "f") == GOOD


def test_imports_survive_the_prose_between_them_and_the_function() -> None:
    reply = "import math\n\nNow the function itself:\n\n@staticmethod\ndef f(x):\n    return math.pi\n\nDone."
    program = extract_program(reply, "f")
    assert program == "import math\n@staticmethod\ndef f(x):\n    return math.pi\n"


def test_a_sum_too_long_to_be_written_anew_stays_as_it_is() -> None:
    program = "def f(x): return " + "+".join("x" * 350) + "\ny = 2; print(y)\n"
    assert extract_program(f"```python\n{program}```", "f") == program


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot do that.",
        "```python\n```",
        "```python\ndef g(x):\n    return x\n```",
        "```python\ndef f(x):\n    return (x +\n```",
        "```python\ndef f(x):\n    if x:\n        return [1,",
        "```python\nclass A:\n    def g(self):\n        return 1\n```",
        "```python\nreturn 1\n```",
        "```python\ndef f(x):\n    return '\0'\n```",
        "```python\ndef f(x):\n    return '\ud800'\n```",
        "```python\ndef f(x):\n    return " + "9" * 5000 + "\n```",
        "```python\ndef f(x):\n    return " + "(" * DEEP + "\n```",
        "```python\ndef f(x):\n    return " + "-" * DEEP + "1\n```",
        "```python\ndef f(x):\n    return " + "1+" * DEEP + "1\n```",
        "```python\ndef f(x):\n    return " + "1+" * 20_000 + "1\n```",
        "```python\n" + "pass\n" * DEEP + GOOD + "```",
        "```python\n&#" + "9" * 5000 + "\n```",
        "```" * DEEP,
        "`" * DEEP,
        "<think>" * 1000,
    ],
    ids=lambda reply: ascii(reply[:40]),
)
def test_nothing_usable_is_none(reply: str) -> None:
    assert extract_program(reply, "f") is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("```python\nn = int(input())\nprint(n)\n```", "n = int(input())\nprint(n)\n"),
        (
            "```python\nprint(input())\n```\nInput:\n```\n3\n1 2 3\n```\nOutput:\n```text\n6\n```",
            "print(input())\n",
        ),
        ("```python\nprint(input())\n```\nRun:\n```\nprint('x')\n```", "print(input())\n"),
        ("Here you go.\nprint(input())\nThat is all.", "print(input())\n"),
        ("3", None),
        ("```\n3\n```", None),
        ("Sure", None),
    ],
)
def test_program_without_entry(reply: str, expected: str | None) -> None:
    assert extract_program(reply, None) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("assert f(1) == 2", ((Call((1,)), 2),)),
        ("assert 2 == f(1)", ((Call((1,)), 2),)),
        ("assert f(1, [2, (3,)]) == {'a': {1}}, 'message'", ((Call((1, [2, (3,)])), {"a": {1}}),)),
        ("assert f(-1.5) is None  # why", ((Call((-1.5,)), None),)),
        ("assert f('a') is True", ((Call(("a",)), True),)),
        ("assert f('a') == 1 and not f('b')", ((Call(("a",)), 1), (Call(("b",)), False))),
        ("assert f()", ((Call(()), True),)),
        ("assert not f(b'x')", ((Call((b"x",)), False),)),
        ("assert(f(1) == 2)", ((Call((1,)), 2),)),
        ("assert f(1) == 2\nassert f(1) == 2\nassert f(1) == 3", ((Call((1,)), 2), (Call((1,)), 3))),
        ("def check():\n    assert f(1) == 2", ((Call((1,)), 2),)),
        ("assert f(1) != 2", ()),
        ("assert f(x) == 2", ()),
        ("assert f(1) == f(2)", ()),
        ("assert f(*[1]) == 2", ()),
        ("assert f(n=1) == 2", ()),
        ("assert g(1) == 2", ()),
        ("assert self.f(1) == 2", ()),
        ("assert 1 < f(1) == 2", ()),
        ("assert f(1) == {[]: 1}", ()),
        ("assert f(1) == 9**9**9", ()),
        ("assert f(1) == 0x" + "f" * 10_000, ()),
        ("assert f('\\ud800') == 1", ()),
        ("assert f(1) == ...", ()),
        ("assert f(...) == 1", ()),
        ("assert f(" + "[" * 90 + "]" * 90 + ") == 1", ((Call((eval("[" * 90 + "]" * 90),)), 1),)),
        ("assert f(1) == " + "[" * 150 + "]" * 150, ()),
        ("assert f(" + "[" * DEEP + ") == 1", ()),
        ("assert f(" + "-" * DEEP + "1) == 1", ()),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_asserts(line: str, expected: object) -> None:
    assert extract_asserts(f"Tests:\n```python\n{line}\n```", "f") == expected
    if "\n" not in line:
        assert extract_asserts(line, "f") == expected


def test_asserts_before_the_cut_are_kept() -> None:
    reply = "```python\nassert f(1) == 2\nassert f(2) == 3  # yes\nassert f([1, 2"
    assert extract_asserts(reply, "f") == ((Call((1,)), 2), (Call((2,)), 3))


@pytest.mark.parametrize("rest", [" == [[[[", " != [1", " is", " in (1", "==", " and f("])
def test_a_comparison_that_is_cut_off_claims_nothing(rest: str) -> None:
    assert extract_asserts(f"assert f(7){rest}", "f") == ()
    assert extract_asserts(f"```python\nassert f(7){rest}\n```", "f") == ()


def test_types_of_equal_values_are_kept_apart() -> None:
    found = extract_asserts("assert f(1) == 1\nassert f(True) == 1\nassert f(1) == 1.0", "f")
    assert [(type(c.args[0]), type(v)) for c, v in found] == [(int, int), (bool, int), (int, float)]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("```python\nf(1)\nf(2, 'a')\nf(1)\n```", (Call((1,)), Call((2, "a")))),
        ("1. `f(1)`\n2. `f([2])`, a list\n", (Call((1,)), Call(([2],)))),
        ("print(f(1))\nassert f(2) == 3", (Call((1,)), Call((2,)))),
        ("```python\nf(1)\nf((2,", (Call((1,)),)),
        ("g(1)\nf(x)\nf(**{})", ()),
        ("f(" * DEEP, ()),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_calls(reply: str, expected: object) -> None:
    assert extract_calls(reply, "f") == expected


def test_the_number_of_items_is_bounded() -> None:
    many = "\n".join(f"assert f({i}) == {i}" for i in range(1000))
    assert len(extract_asserts(many, "f")) == len(extract_calls(many, "f")) == 256


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("```\n1 2\n3\n```\ntext\n```text\nyes\n```", ("1 2\n3\n", "yes\n")),
        ("```\n1\n\n\n```", ("1\n",)),
        ("```\n```", ("",)),
        ("```\n  indented\n```", ("  indented\n",)),
        ("```\n1\n```\n```\n2", ("1\n",)),
        ("no block", ()),
    ],
)
def test_text_blocks(reply: str, expected: tuple[str, ...]) -> None:
    assert extract_blocks(reply) == expected


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "```",
                "~~~",
                "python",
                "\n",
                "def f(x):",
                "    return x",
                "assert f(1) == ",
                "f(",
                ")",
                "'",
                "[",
                " ",
                "\0",
                "\ud800",
                *string.digits,
            ]
        )
    )
)
def test_any_text_is_survived(parts: list[str]) -> None:
    text = "".join(parts)
    program = extract_program(text, "f")
    assert program is None or "f" in program
    assert all(len(call.args) <= 1 for call, _ in extract_asserts(text, "f"))
    assert all(isinstance(call, Call) for call in extract_calls(text, "f"))
    assert all(b == "" or b.endswith("\n") for b in extract_blocks(text))
