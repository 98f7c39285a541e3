"""One program with inputs and expected outputs, as every system is given it."""

from __future__ import annotations

import ast
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """``passes`` is the truth, known by construction: no system is shown it."""

    problem: str
    kind: str
    code: str
    entry: str
    calls: list[tuple[Any, ...]]
    expected: list[Any]
    rule: str
    passes: bool

    def text(self) -> str:
        """This case as a Python literal, with exact types."""
        return repr(astuple(self))

    @classmethod
    def of(cls, text: str) -> Case:
        """Read what ``text`` wrote."""
        return cls(*ast.literal_eval(text))

    def with_asserts(self) -> str:
        """The program and an assert for each input, as the systems take it that have the program judge itself."""
        calls = zip(self.calls, self.expected, strict=True)
        lines = [f"assert {self.entry}(*{args!r}) == {expected!r}" for args, expected in calls]
        return "\n".join([self.code, *lines, ""])
