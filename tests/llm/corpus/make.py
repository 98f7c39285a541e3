"""Makes ``replies.jsonl``: habits of small models, applied to a few programs. Run it after adding one.

A row says what a program of the reply must do (``args`` or ``stdin``, and ``expected``), or ``why`` there is none.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Base:
    """A right program, and one thing that it does."""

    entry: str | None
    code: str
    given: Any
    expected: Any
    helpers: str = ""
    imports: str = ""

    @property
    def whole(self) -> str:
        return "\n\n".join(part for part in (self.imports, self.helpers, self.code) if part)

    @property
    def call(self) -> str:
        return f"{self.entry}({', '.join(map(repr, self.given))})"


FUNCTIONS = [
    Base(
        "add_up",
        "def add_up(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total",
        [[1, 2, 3]],
        6,
    ),
    Base(
        "count_vowels",
        'def count_vowels(text: str) -> int:\n    """How many vowels."""\n'
        '    return sum(1 for c in text if c in "aeiou")',
        ["banana split"],
        4,
    ),
    Base(
        "longest_run",
        "def longest_run(items: List[int]) -> int:\n    best = now = 0\n    last = None\n    for item in items:\n"
        "        now = now + 1 if item == last else 1\n        best, last = max(best, now), item\n    return best",
        [[1, 1, 2, 2, 2, 3]],
        3,
        imports="from typing import List",
    ),
    Base(
        "is_balanced",
        "def is_balanced(text):\n    stack = []\n    for char in text:\n        if char in PAIRS.values():\n"
        "            stack.append(char)\n        elif char in PAIRS:\n"
        "            if not stack or stack.pop() != PAIRS[char]:\n                return False\n    return not stack",
        ["([]){}"],
        True,
        helpers="PAIRS = {')': '(', ']': '[', '}': '{'}",
    ),
    Base(
        "top_words",
        "def top_words(text, k):\n    counts = Counter(text.split())\n"
        "    return [w for w, _ in sorted(counts.items(), key=lambda p: (-p[1], p[0]))[:k]]",
        ["b a b c a b", 2],
        ["b", "a"],
        imports="from collections import Counter",
    ),
    Base(
        "nth_prime",
        "def nth_prime(n):\n    found, at = 0, 1\n    while found < n:\n        at += 1\n        if is_prime(at):\n"
        "            found += 1\n    return at",
        [5],
        11,
        helpers="def is_prime(m):\n    return m > 1 and all(m % d for d in range(2, int(m ** 0.5) + 1))",
    ),
    Base(
        "place_of",
        "def place_of(xs, x):\n    low = -inf\n    for y in xs:\n        low = max(low, y)\n"
        "    return bisect(xs, x) if x < low else len(xs)",
        [[1, 3, 3, 7], 3],
        3,
        imports="from bisect import bisect\nfrom math import inf",
    ),
    Base(
        "place_before",
        "def place_before(xs, x):\n    return bisect.bisect_left(xs, x)",
        [[1, 3, 3, 7], 3],
        1,
        imports="import bisect",
    ),
    Base(
        "flatten",
        "def flatten(items):\n    out = []\n    for item in items:\n        if isinstance(item, list):\n"
        "            out.extend(flatten(item))\n        else:\n            out.append(item)\n    return out",
        [[1, [2, [3]]]],
        [1, 2, 3],
    ),
    Base(
        "min_cost",
        "@lru_cache(maxsize=None)\ndef min_cost(n, step=2):\n    if n <= 0:\n        return 0\n"
        "    return 1 + min(min_cost(n - 1, step), min_cost(n - step, step))",
        [7],
        4,
        imports="from functools import lru_cache",
    ),
]
PROGRAMS = [
    Base(None, "n = int(input())\nnums = list(map(int, input().split()))\nprint(sum(nums[:n]))", "3\n1 2 3\n", "6"),
    Base(None, "import sys\n\nfor line in sys.stdin:\n    print(line.strip()[::-1])", "ab\ncd\n", "ba\ndc"),
    Base(None, "words = input().split()\nprint(' '.join(sorted(words)))\nprint(len(words))", "b a\n", "a b\n2"),
]

Habit = Callable[[Base], str | None]


def fence(code: str, label: str = "python", mark: str = "```") -> str:
    return f"{mark}{label}\n{code}\n{mark}"


def indent(code: str, by: str = "    ") -> str:
    return "\n".join(by + line if line else line for line in code.split("\n"))


def camel(name: str) -> str:
    first, *words = name.split("_")
    return first + "".join(word.title() for word in words)


def wrong(b: Base) -> str:
    return re.sub(rf"(def {b.entry}\([^\n]*\n).*", r"\1    return None", b.whole, flags=re.DOTALL)


def in_class(b: Base, name: str, *, own: bool = True) -> str:
    code = re.sub(rf"\b{b.entry}\b(?=\()", f"self.{name}" if own else name, b.code).replace(
        f"def self.{name}(", f"def {name}(self, "
    )
    head = "\n\n".join(part for part in (b.imports, b.helpers) if part)
    return f"{head}\n\nclass Solution:\n{indent(code)}".lstrip()


def numbered(code: str, form: str) -> str:
    return "\n".join(form.format(i) + line for i, line in enumerate(code.split("\n"), 1))


def curly(code: str) -> str:
    return re.sub(r'"([^"\n]*)"', "“\\1”", re.sub(r"'([^'\n]*)'", "‘\\1’", code))  # noqa: RUF001


def typed(code: str) -> str:
    return "\n".join(
        (">>> " if line and not line[0].isspace() and line[:1] != ")" else "... ") + line for line in code.split("\n")
    )


def bare_braces(text: str) -> str:
    return text.replace("_", r"\_")


FUNCTION_HABITS: dict[str, Habit] = {
    "plain": lambda b: fence(b.whole),
    "no label": lambda b: fence(b.whole, ""),
    "other label": lambda b: fence(b.whole, 'Python3 title="solution.py"'),
    "braces label": lambda b: fence(b.whole, "{.python .numberLines}"),
    "tildes": lambda b: fence(b.whole, mark="~~~"),
    "four ticks": lambda b: fence(b.whole, mark="````"),
    "no fence": lambda b: b.whole,
    "prose, no fence": lambda b: f"Here is the function you asked for:\n\n{b.whole}\n\nIt works in one pass.",
    "heading": lambda b: f"### Solution\n\n**Code:** {fence(b.whole)}\n\n### Complexity\nO(n)",
    "draft, then final": lambda b: f"First try:\n{fence(wrong(b))}\nThat misses a case. Fixed:\n{fence(b.whole)}",
    "the same twice": lambda b: f"{fence(b.whole)}\n\nSo the final answer is:\n\n{fence(b.whole)}",
    "usage after": lambda b: (
        f"{fence(b.whole)}\nUsage:\n{fence('print(' + b.call + ')')}\nOutput:\n{fence(str(b.expected), '')}"
    ),
    "thought": lambda b: f"<think>\nLet me see. A loop will do.\n</think>\n\n{fence(b.whole)}",
    "thought with code": lambda b: f"<think>\n{fence(wrong(b))}\nno, wrong\n</think>\n{fence(b.whole)}",
    "thought half in the prompt": lambda b: f"A loop will do.\n{fence(wrong(b))}\n</think>\n{fence(b.whole)}",
    "thought never closed": lambda b: f"<think>\nA loop will do.\n\n{fence(b.whole)}",
    "class": lambda b: fence(in_class(b, b.entry or "")) if "@" not in b.code else None,
    "class, camel case": lambda b: fence(in_class(b, camel(b.entry or ""))) if "@" not in b.code else None,
    "class and a test of it": lambda b: (
        fence(
            in_class(b, camel(b.entry or ""))
            + f"\n\nprint(Solution().{camel(b.entry or '')}(*{b.given!r}), undefined_name)"
        )
        if "@" not in b.code
        else None
    ),
    "class and a driver with its names": lambda b: (
        fence(
            in_class(b, b.entry or "")
            + f"\n\nitem = total = text = input()\nresult = Solution().{b.entry}(item)\nprint(result)"
        )
        if "@" not in b.code
        else None
    ),
    "camel case": lambda b: fence(re.sub(rf"\b{b.entry}\b", camel(b.entry or ""), b.whole)),
    "main guard": lambda b: fence(f"{b.whole}\n\n\nif __name__ == '__main__':\n    print({b.entry}(eval(input())))"),
    "wrong asserts": lambda b: fence(f"{b.whole}\n\n# Test cases\nassert {b.call} == 'no'\nprint('All tests passed!')"),
    "reads input": lambda b: fence(
        f"{b.whole}\n\ndata = input('Enter: ')\nresult = {b.entry}(data)\nprint(result)\nok = result"
    ),
    "loop of tests": lambda b: fence(
        f"{b.whole}\n\ncases = [1, 2]\nfor case in cases:\n    print({b.entry}(case, 1, 2, 3))"
    ),
    "unittest": lambda b: fence(
        f"import unittest\n{b.whole}\n\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n"
        f"        self.assertEqual({b.call}, None)\n\nunittest.main()"
    ),
    "pytest": lambda b: fence(
        f"import pytest\nimport numpy_like as npl\n{b.whole}\n\n"
        f"def test_it():\n    with pytest.raises(ValueError):\n        {b.call}"
    ),
    "test function called": lambda b: fence(f"{b.whole}\n\ndef test():\n    assert {b.call} is Ellipsis\n\ntest()"),
    "expression at the end": lambda b: fence(f"{b.whole}\n\n{b.call} == 'no'\nOutput"),
    "curly quotes": lambda b: fence(curly(b.whole)),
    "hard spaces": lambda b: fence(b.whole.replace("    ", "\u00a0\u00a0\u00a0\u00a0")),
    "zero width": lambda b: fence("\ufeff" + b.whole.replace("return ", "return \u200b", 1)),
    "prompts": lambda b: fence(typed(b.whole) + f"\n>>> {b.call}\n{b.expected!r}"),
    "numbers and dots": lambda b: fence(numbered(b.whole, "{}. ")),
    "numbers and bars": lambda b: fence(numbered(b.whole, "{:3d} | ".replace(" |", "|"))),
    "numbers": lambda b: fence(numbered(b.whole, "{:2d} ")),
    "tabs and spaces": lambda b: fence(
        b.whole.replace("        ", "\t", 1) if "        " in b.whole else b.whole.replace("    ", "\t")
    ),
    "html": lambda b: fence(html.escape(b.whole)),
    "html tags": lambda b: f'<pre><code class="language-python">{html.escape(b.whole)}\n</code></pre>',
    "square tags": lambda b: f"[PYTHON]\n{b.whole}\n[/PYTHON]",
    "quotes as fence": lambda b: f"'''python\n{b.whole}\n'''" if "'''" not in b.whole else None,
    "accents as fence": lambda b: fence(b.whole, mark="´´´"),  # noqa: RUF001
    "wide ticks": lambda b: fence(b.whole, mark="｀｀｀"),  # noqa: RUF001
    "in a list": lambda b: (
        f"1. Write it:\n\n   {fence(indent(b.whole, '   '))[:0]}```python\n{indent(b.whole, '   ')}\n   ```\n2. Done."
    ),
    "indented as a whole": lambda b: fence(indent(b.whole)),
    "diff": lambda b: fence("@@ -0,0 +1 @@\n-old\n" + indent(b.whole, "+"), "diff"),
    "quoted": lambda b: fence(re.sub(r"^", "> ", b.whole, flags=re.MULTILINE)),
    "crlf": lambda b: fence(b.whole).replace("\n", "\r\n"),
    "never closed": lambda b: f"```python\n{b.whole}\n",
    "never closed, prose": lambda b: f"```python\n{b.whole}\n\nThis solves it, I think.",
    "closed on the line": lambda b: f"```python\n{b.whole}```",
    "escaped underscores": lambda b: (
        f"Here:\n\n{bare_braces(b.whole)}" if "_" in b.whole and '"' not in b.whole and "{" not in b.whole else None
    ),
    "no imports": lambda b: fence(b.whole.replace(b.imports, "").lstrip()) if b.imports else None,
    "helper apart": lambda b: f"A helper first:\n{fence(b.helpers)}\nThen:\n{fence(b.code)}" if b.helpers else None,
    "imports apart": lambda b: f"{fence(b.imports)}\nand\n{fence(b.code)}" if b.imports and not b.helpers else None,
    "fence in a docstring": lambda b: fence(
        re.sub(
            rf"(def {b.entry}\(.*\n)",
            rf'\1    """Do it.\n\n    ```python\n    {b.entry}(1)\n    ```\n    """\n',
            b.whole,
        )
    ),
    "async once more": lambda b: (
        f"{fence(b.whole)}\nOr:\n{fence(f'async def {b.entry}(*args):' + chr(10) + '    return 0')}"
    ),
    "tests that import it": lambda b: (
        f"{fence(b.whole)}\nTests:\n{fence(f'from solution import {b.entry}' + chr(10) + f'assert {b.call} == 0')}"
    ),
    "pytest file that imports it": lambda b: (
        f"{fence(b.whole)}\n"
        + fence(f"import pytest\nfrom main import {b.entry}\n\ndef test_{b.entry}():\n    assert {b.call} == 0")
    ),
    "its name for something else": lambda b: (
        f"{fence(b.whole)}\nNot so:\n{fence(f'twice = lambda {b.entry}: 2 * {b.entry}')}"
    ),
    "signature once more": lambda b: (
        f"{fence(b.whole)}\nIt has the form:\n{fence(f'def {b.entry}(*args):' + chr(10) + '    pass')}"
    ),
    "stub with a docstring": lambda b: (
        f"{fence(b.whole)}\n"
        + fence(f'class Solution:\n    def {camel(b.entry or "")}(self, *args):\n        """Here."""\n        ...')
    ),
}
CUT_HABITS: dict[str, Habit] = {
    "cut in tests": lambda b: f"```python\n{b.whole}\n\n# Tests\nassert {b.call} == {b.expected!r}\nassert {b.entry}(",
    "cut in prose": lambda b: f"{fence(b.whole)}\nThis works becau",
    "cut in a second try": lambda b: f"{fence(b.whole)}\nShorter:\n```python\ndef {b.entry}(*a):\n    retu",
}
PROGRAM_HABITS: dict[str, Habit] = {
    "plain": lambda b: fence(b.code),
    "no fence": lambda b: f"Here you go.\n{b.code}\nThat is all.",
    "sample after": lambda b: (
        f"{fence(b.code)}\nInput:\n{fence(b.given.rstrip(), '')}\nOutput:\n{fence(b.expected, '')}"
    ),
    "main guard": lambda b: fence(f"def main():\n{indent(b.code)}\n\nif __name__ == '__main__':\n    main()"),
    "main never called": lambda b: fence(f"def main():\n{indent(b.code)}"),
    "solve never called": lambda b: fence(f"import sys\n\ndef solve():\n{indent(b.code)}"),
    "thought": lambda b: f"<think>\nprint('no')\n</think>\n{fence(b.code)}",
    "curly quotes": lambda b: fence(curly(b.code)),
    "numbers": lambda b: fence(numbered(b.code, "{}: ")),
    "html": lambda b: fence(html.escape(b.code)),
    "hard spaces": lambda b: fence(b.code.replace(" ", "\u00a0")),
    "draft, then final": lambda b: f"{fence('print(0)')}\nBetter:\n{fence(b.code)}",
    "never closed": lambda b: f"```python\n{b.code}\n",
    "crlf": lambda b: fence(b.code).replace("\n", "\r\n"),
}
FOREIGN = {
    "javascript": "function f(xs) {\n  return xs.reduce((a, b) => a + b, 0);\n}",
    "java": "public class Solution {\n    public static int f(int[] xs) {\n        return 0;\n    }\n}",
    "cpp": "#include <vector>\nusing namespace std;\nint f(vector<int> xs) {\n    return 0;\n}",
    "go": "package main\n\nfunc f(xs []int) int {\n\treturn 0\n}",
    "rust": "fn f(xs: Vec<i32>) -> i32 {\n    0\n}",
    "ruby": "def f(xs)\n  xs.sum\nend",
}
NOTHING = [
    "",
    "I'm sorry, but I can't help with that.",
    "Sure",
    "The answer is to go over the list once and add up what is there.",
    "```\n```",
    "```\n6\n```",
    "- sort\n- take the first\n- done",
    "6",
]
BROKEN = [
    "def f(xs):\n    return sum(xs",
    "def f(xs)\n    return sum(xs)",
    "def f(xs):\nreturn sum(xs)",
    "def f(xs):\n    total = 0\n    for x in xs\n        total += x\n    return total",
    "def f(xs):\n    return sum(xs))",
    "def f(xs):\n    if xs:\n    return 1",
]
NAMELESS = [
    "def g(xs):\n    return sum(xs)",
    "class Solution:\n    def g(self, xs):\n        return sum(xs)",
    "xs = [1, 2]\nprint(sum(xs))",
    "print(sum(map(int, input().split())))",
    "import math\n\nfoo = lambda xs: sum(xs)",
]


def rows() -> Iterator[dict[str, Any]]:
    for kind, bases, habits, cut in (
        ("function", FUNCTIONS, FUNCTION_HABITS, False),
        ("function", FUNCTIONS, CUT_HABITS, True),
        ("program", PROGRAMS, PROGRAM_HABITS, False),
    ):
        for name, habit in habits.items():
            for base in bases:
                reply = habit(base)
                if reply is not None:
                    yield {
                        "habit": f"{kind}, {name}",
                        "entry": base.entry,
                        "cut": cut,
                        "reply": reply,
                        "given": base.given,
                        "expected": base.expected,
                    }
    yield from _without()


def _without() -> Iterator[dict[str, Any]]:
    def row(habit: str, reply: str, why: str, entry: str | None = "f", *, cut: bool = False) -> dict[str, Any]:
        return {"habit": habit, "entry": entry, "cut": cut, "reply": reply, "why": why}

    for base in FUNCTIONS:
        whole = fence(base.whole)
        yield row(
            "cut in the function", whole[: whole.rindex("\n", 0, len(whole) - 4) - 1], "CUT", base.entry, cut=True
        )
        yield row("cut in the thought", f"<think>\n{whole}\nBut wait", "CUT", base.entry, cut=True)
    for base in PROGRAMS:
        yield row("cut in the program", f"```python\n{base.code}", "CUT", None, cut=True)
    for label, code in FOREIGN.items():
        yield row(f"in {label}", fence(code, label), "OTHER")
        yield row(f"in {label}, no label", fence(code, ""), "OTHER")
    for text in NOTHING:
        yield row("nothing", text, "NONE")
    for code in BROKEN:
        yield row("broken", fence(code), "BROKEN")
        yield row("broken, no fence", f"Like this:\n\n{code}\n", "BROKEN")
    for code in NAMELESS:
        yield row("another name", fence(code), "NAME")


if __name__ == "__main__":
    # A habit that changes nothing in a program makes no row of its own.
    distinct = {row["reply"]: row for row in reversed([*rows()])}
    made = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in reversed(distinct.values()))
    Path(__file__).with_name("replies.jsonl").write_text(made, encoding="utf-8")
