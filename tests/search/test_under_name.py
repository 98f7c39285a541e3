"""A function under another name than asked is taken only where nothing else can be meant."""

from __future__ import annotations

import pytest

from atlas.problem import Parameter, Signature
from atlas.search.assemble import under_name

ASKED = Signature("f", (Parameter("xs"),))


@pytest.mark.parametrize(
    ("code", "taken"),
    [
        ("def size(s):\n    return len(s)\n", "def f(s):\n    return len(s)\n"),
        ("import math\ndef g(n):\n    return math.sqrt(n)\n", "import math\ndef f(n):\n    return math.sqrt(n)\n"),
        ("def g(n):\n    return n and g(n - 1)\n", "def g(n):\n    return n and g(n - 1)\n\nf = g\n"),
        ("def g(a, b):\n    return a\n", None),
        ("def g(a, *, b):\n    return a\n", None),
        ("def g(a):\n    return a\ndef h(a):\n    return a\n", None),
        ("print(input())\n", None),
    ],
)
def test_under_the_asked_name(code: str, taken: str | None) -> None:
    assert under_name(code, ASKED) == taken
