"""Seeded edge cases of plain values: zero and one, empty and single, all equal, twice as long. Pure; types are kept.

Single steps from an example rarely get there, and that is where programs differ.
"""

from __future__ import annotations

import random
from typing import Any, cast

from atlas.problem import Call, Input

_LONGEST = 40


def edge(value: Any, rng: random.Random, *, negatives: bool) -> Any:  # noqa: PLR0911  (a case a type)
    """An edge case of the same type; numbers below zero only with ``negatives``."""
    match value:
        case bool():
            return value
        case int():
            return rng.choice([0, 1, -1, -value] if negatives else [0, 1])
        case float():
            return rng.choice([0.0, 1.0, -1.0, -value] if negatives else [0.0, 1.0])
        case str():
            return rng.choice(["", value[:1], value[:1] * len(value), (value * 2)[: 4 * _LONGEST]])
        case list():
            return _items(cast("list[Any]", value), rng, negatives=negatives)
        case tuple() if value:
            fields = cast("tuple[Any, ...]", value)
            place = rng.randrange(len(fields))
            return (*fields[:place], edge(fields[place], rng, negatives=negatives), *fields[place + 1 :])
        case set() | frozenset():
            items = sorted(cast("set[Any]", value), key=repr)
            return cast("type[Any]", type(cast("Any", value)))(items[: rng.randrange(2)])
        case dict():
            pairs = list(cast("dict[Any, Any]", value).items())
            return dict(pairs[: rng.randrange(2)])
        case _:
            return value


def _items(items: list[Any], rng: random.Random, *, negatives: bool) -> list[Any]:
    if not items:
        return items  # What it could hold can't be seen.
    place = rng.randrange(len(items))
    match rng.randrange(5):
        case 0:
            return []
        case 1:
            return [items[place]]
        case 2:
            return [items[place]] * len(items)
        case 3:
            return (items * 2)[: max(_LONGEST, len(items))]
        case _:
            return [*items[:place], edge(items[place], rng, negatives=negatives), *items[place + 1 :]]


def negative(value: Any) -> bool:
    """Whether a number below zero is anywhere in ``value``."""
    match value:
        case int() | float():
            return value < 0
        case list() | tuple() | set() | frozenset():
            return any(negative(item) for item in cast("list[Any]", value))
        case dict():
            pairs = cast("dict[Any, Any]", value)
            return any(negative(item) for pair in pairs.items() for item in pair)
        case _:
            return False


def shows_negative(input: Input) -> bool:
    """Whether an input holds a number below zero; in a text, a token that begins like one."""
    if isinstance(input, Call):
        return negative(input.args)
    return any(len(token) > 1 and token[0] == "-" and token[1].isdecimal() for token in input.text.split())
