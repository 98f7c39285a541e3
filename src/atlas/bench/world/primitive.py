"""What a primitive step is, and how its code is written in each style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from string import Template
from typing import Any, Final

from atlas.bench.world.kinds import Kind
from atlas.bench.world.others import OTHERS

Choice = tuple[int, int] | str
"""A parameter's values: an inclusive range of integers, or the name of a set in ``CHOICES``."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "letter": tuple("aeiorstln"),
    "separator": ("-", ",", "_", "+", "/"),
}
ITEM: Final = {Kind.INTS: "x", Kind.WORDS: "w", Kind.TEXT: "c"}


class Form(StrEnum):
    """How a step's code is given: per item, per item as a condition, or over the whole value."""

    MAP = "map"
    FILTER = "filter"
    WHOLE = "whole"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Primitive:
    """One named step.

    ``code`` is a ``string.Template``: ``$v`` is the value (whole and block forms), ``$o`` the result variable
    (block form), and each parameter stands as a Python literal. Map and filter forms use the item's name.
    ``phrases`` say the same thing in different words.
    """

    name: str
    source: Kind
    target: Kind
    form: Form
    code: str
    phrases: tuple[str, ...]
    params: Mapping[str, Choice] = field(default_factory=dict[str, Choice])

    def draw(self, rng: Random) -> dict[str, Any]:
        """Random values for the parameters."""
        drawn: dict[str, Any] = {}
        for name, choice in self.params.items():
            drawn[name] = rng.choice(CHOICES[choice]) if isinstance(choice, str) else rng.randint(*choice)
        return drawn


@dataclass(frozen=True, slots=True)
class Step:
    """A primitive with its parameters fixed."""

    primitive: Primitive
    params: Mapping[str, Any]

    def phrase(self, rng: Random) -> str:
        """One wording of the step, in the imperative."""
        shown = {k: f"'{v}'" if isinstance(v, str) else v for k, v in self.params.items()}
        return Template(rng.choice(self.primitive.phrases)).substitute(shown)

    def core(self, **names: str) -> str:
        """The template with its parameters as literals and ``$v``/``$o`` as given."""
        return Template(self.primitive.code).substitute({k: repr(v) for k, v in self.params.items()}, **names)

    def expression(self, value: str) -> str | None:
        """The step as one expression over the variable ``value``; None for the block form."""
        p, item = self.primitive, ITEM.get(self.primitive.source, "x")
        if p.form is Form.WHOLE:
            return self.core(v=value)
        if p.form is Form.BLOCK:
            return None
        inner = f"{self.core()} for {item} in {value}"
        if p.form is Form.FILTER:
            inner = f"{item} for {item} in {value} if {self.core()}"
        return f'"".join({inner})' if p.target is Kind.TEXT else f"[{inner}]"

    def lines(self, value: str, result: str, *, loop: bool = False, other: bool = False) -> list[str]:
        """The step as statements that set ``result``.

        ``loop`` spells map and filter over lists out; ``other`` takes the step's second algorithm, if it has one.
        """
        p, item = self.primitive, ITEM.get(self.primitive.source, "x")
        if other and p.name in OTHERS:
            shown = {k: repr(v) for k, v in self.params.items()}
            code = Template(OTHERS[p.name]).substitute(shown, v=value, o="out")
            return [*code.split("\n"), f"{result} = out"]
        if p.form is Form.BLOCK:
            return [*self.core(v=value, o="out").split("\n"), f"{result} = out"]
        if loop and p.form in (Form.MAP, Form.FILTER) and p.target is not Kind.TEXT:
            head = ["out = []", f"for {item} in {value}:"]
            if p.form is Form.FILTER:
                return [*head, f"    if {self.core()}:", f"        out.append({item})", f"{result} = out"]
            return [*head, f"    out.append({self.core()})", f"{result} = out"]
        return [f"{result} = {self.expression(value)}"]


@dataclass(frozen=True, slots=True)
class Table:
    """Makes primitives that start from ``source``; the keyword arguments are the parameters' choices."""

    source: Kind

    def map(self, name: str, code: str, *phrases: str, target: Kind | None = None, **params: Choice) -> Primitive:
        """Each item is replaced by ``code``."""
        return Primitive(name, self.source, target or self.source, Form.MAP, code, phrases, params)

    def filter(self, name: str, code: str, *phrases: str, **params: Choice) -> Primitive:
        """Items for which ``code`` holds are kept."""
        return Primitive(name, self.source, self.source, Form.FILTER, code, phrases, params)

    def whole(self, name: str, target: Kind, code: str, *phrases: str, **params: Choice) -> Primitive:
        """``code`` is an expression over the whole value ``$v``."""
        return Primitive(name, self.source, target, Form.WHOLE, code, phrases, params)

    def block(self, name: str, target: Kind, code: str, *phrases: str, **params: Choice) -> Primitive:
        """``code`` are statements that set ``$o`` from ``$v``."""
        return Primitive(name, self.source, target, Form.BLOCK, code, phrases, params)
