"""The value types of the world, random values of each, and bounds that keep every program small."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final


class Kind(StrEnum):
    """A type of the world, named by its annotation."""

    INT = "int"
    TEXT = "str"
    INTS = "list[int]"
    WORDS = "list[str]"
    BOOL = "bool"


MAX_INT: Final = 10**7
MAX_ITEMS: Final = 24
MAX_TEXT: Final = 60

WORDS: Final = tuple(
    """
    apple banana cherry date elder fig grape lemon mango olive peach plum quince river stone tree cloud
    rain snow wind fire lake hill moon star sun day night gold iron tin oak ash elm fox owl bee cat dog
    hen rat ant level noon radar kayak civic aba ox a I on Up Red Blue Green abc xyz zoo mamma see book
    """.split()
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Size of random values: list length, word count and the largest magnitude of an integer."""

    items: tuple[int, int] = (0, 8)
    magnitude: int = 20


def random_value(kind: Kind, rng: Random, bounds: Bounds = Bounds()) -> Any:
    """One random value of ``kind``. Bool is never an input."""
    low, high = bounds.items
    if kind is Kind.INT:
        return rng.randint(0, 9) if rng.random() < 0.2 else rng.randint(0, bounds.magnitude * 15)
    if kind is Kind.INTS:
        return _random_ints(rng, rng.randint(low, high), bounds.magnitude)
    if kind is Kind.TEXT:
        return _random_text(rng, rng.randint(max(low, 1), 4))
    if kind is Kind.WORDS:
        return [rng.choice(WORDS) for _ in range(rng.randint(low, min(high, 6)))]
    raise ValueError(f"no inputs of kind {kind}")


def _random_ints(rng: Random, count: int, magnitude: int) -> list[int]:
    style = rng.random()
    if style < 0.3:  # few distinct values: duplicates matter to many steps
        return [rng.randint(-3, 5) for _ in range(count)]
    if style < 0.6:
        return [rng.randint(0, magnitude) for _ in range(count)]
    return [rng.randint(-magnitude, magnitude) for _ in range(count)]


def _random_text(rng: Random, words: int) -> str:
    if rng.random() < 0.15:
        return "".join(rng.choice("abcdeABC123") for _ in range(rng.randint(1, 8)))
    parts = [rng.choice(WORDS) for _ in range(words)]
    if rng.random() < 0.3:
        parts.insert(rng.randrange(len(parts) + 1), str(rng.randint(1, 99)))
    return " ".join(p.capitalize() if rng.random() < 0.15 else p for p in parts)


def in_bounds(value: Any) -> bool:
    """Whether a value, also one between two steps, is small enough to show and to go on with."""
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_INT
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    return len(value) <= MAX_ITEMS and all(in_bounds(v) for v in value)
