"""Edge-case clauses: what a problem says about empty inputs or odd results, beside its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final

from atlas.bench.world.kinds import Kind


class Case(StrEnum):
    """When a clause applies."""

    EMPTY = "empty"
    """The input is an empty list. Functions only: an empty line is no input for a program."""
    NEGATIVE = "negative"
    ZERO = "zero"
    LARGE = "large"
    NOTHING = "nothing"
    """The result is an empty list or text."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One clause: in this case the result is ``value``. ``bound`` is the largest result of ``Case.LARGE``."""

    case: Case
    value: Any
    bound: int = 0

    def result(self, given: Any, result: Any) -> Any:
        """The output for the input ``given``, whose steps end in ``result``."""
        return self.value if self.applies(given, result) else result

    def applies(self, given: Any, result: Any) -> bool:
        """Whether the case is there."""
        if self.case is Case.EMPTY:
            return not given
        if self.case is Case.NOTHING:
            return len(result) == 0
        if self.case is Case.NEGATIVE:
            return result < 0
        return result == 0 if self.case is Case.ZERO else result > self.bound

    def clause(self, rng: Random) -> str:
        """One wording of the clause, a sentence."""
        text = rng.choice(_CLAUSES[self.case])
        return text.format(shown=_shown(self.value), bound=self.bound)

    def note(self) -> str:
        """The clause as a line of a plan."""
        return _NOTES[self.case].format(shown=_shown(self.value), bound=self.bound)

    def condition(self, variable: str) -> str:
        """The case as a Python condition on the input (``Case.EMPTY``) or on the result."""
        if self.case in {Case.EMPTY, Case.NOTHING}:
            return f"not {variable}"
        if self.case is Case.NEGATIVE:
            return f"{variable} < 0"
        return f"{variable} == 0" if self.case is Case.ZERO else f"{variable} > {self.bound}"


_CLAUSES: Final[Mapping[Case, tuple[str, ...]]] = {
    Case.EMPTY: (
        "For an empty list the result is {shown}.",
        "If the list is empty, the answer is just {shown}.",
        "When there is nothing in the list, give {shown}.",
    ),
    Case.NEGATIVE: (
        "If the result is negative, it is {shown} instead.",
        "A result below zero is replaced by {shown}.",
        "Should the result be less than 0, make it {shown}.",
    ),
    Case.ZERO: (
        "If the result is zero, it is {shown} instead.",
        "A result of 0 is replaced by {shown}.",
        "Should the result be 0, make it {shown}.",
    ),
    Case.LARGE: (
        "If the result is greater than {bound}, it is {shown} instead.",
        "A result above {bound} is replaced by {shown}.",
        "Should the result exceed {bound}, make it {shown}.",
    ),
    Case.NOTHING: (
        "If nothing is left, the result is {shown}.",
        "An empty result is replaced by {shown}.",
        "Should the result be empty, make it {shown}.",
    ),
}
_NOTES: Final[Mapping[Case, str]] = {
    Case.EMPTY: "for an empty list the result is {shown}",
    Case.NEGATIVE: "make a negative result {shown}",
    Case.ZERO: "make a result of 0 {shown}",
    Case.LARGE: "make a result above {bound} {shown}",
    Case.NOTHING: "make an empty result {shown}",
}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "the single number 0" if value == [0] else "the single word none"
    return f"the text {value}" if isinstance(value, str) else str(value)


def draw_edge(source: Kind, target: Kind, traces: Sequence[Sequence[Any]], rng: Random) -> Edge | None:
    """A clause that fits the types, and that matters on some of ``traces`` but on less than half; None if none does."""
    choices: list[Edge] = []
    if source in {Kind.INTS, Kind.WORDS}:
        value = {Kind.INT: -1, Kind.TEXT: "none", Kind.INTS: [0], Kind.WORDS: ["none"]}.get(target, False)
        choices.append(Edge(Case.EMPTY, value))
    results = [t[-1] for t in traces]
    if target is Kind.INT:
        bound = rng.choice((10, 20, 50, 100))
        choices += [Edge(Case.NEGATIVE, rng.choice((0, -1))), Edge(Case.ZERO, rng.choice((-1, 1, 100)))]
        choices += [Edge(Case.LARGE, bound, bound)]
    elif target is not Kind.BOOL:
        choices.append(Edge(Case.NOTHING, {Kind.TEXT: "none", Kind.INTS: [0]}.get(target, ["none"])))
    fitting = [e for e in choices if e.case is Case.EMPTY or 0 < _share(e, results) < 0.5]
    return rng.choice(fitting) if fitting else None


def _share(edge: Edge, results: Sequence[Any]) -> float:
    return sum(edge.applies(None, r) for r in results) / max(1, len(results))
