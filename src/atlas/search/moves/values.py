"""Small seeded changes of plain values, and values made from annotations. Pure; types are kept."""

from __future__ import annotations

import ast
import random
import string
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from atlas.structures import Shape, canonical, shape_of

Maker: TypeAlias = Callable[[random.Random], Any]

_LONGEST = 40
_TRIED = 20


def mutated(value: Any, rng: random.Random) -> Any:  # noqa: PLR0911  (a case a type)
    """A neighbour of ``value`` with the same shape of types; now and then the same value again."""
    match value:
        case bool():
            return not value
        case int():
            return _mutated_int(value, rng)
        case float():
            return rng.choice([value + 1, value - 1, -value, value * 2, value / 2, 0.0, value // 1])
        case str():
            return _mutated_text(value, rng)
        case list() | tuple():
            items = _mutated_items(list(cast("list[Any]", value)), rng)
            return items if isinstance(value, list) else _like_tuple(cast("tuple[Any, ...]", value), items, rng)
        case set() | frozenset():
            kind = cast("type[Any]", type(cast("Any", value)))
            return kind(_mutated_items(sorted(cast("set[Any]", value), key=repr), rng))
        case dict():
            return _mutated_dict(dict(cast("dict[Any, Any]", value)), rng)
        case _:
            return value


def _mutated_int(value: int, rng: random.Random) -> int:
    if abs(value) > 10**6:
        return value + rng.choice([-1, 1])
    return rng.choice([value + 1, value - 1, value + 2, value * 2, value // 2, 0, 1, rng.randint(0, max(10, value))])


def _mutated_text(value: str, rng: random.Random) -> str:
    if not value:
        return rng.choice(string.ascii_lowercase)
    place = rng.randrange(len(value))
    char = value[place]
    words = value.split(" ")
    edits: list[str] = [
        value[:place] + value[place + 1 :],
        value[:place] + char * 2 + value[place + 1 :],
        value[:place] + char.swapcase() + value[place + 1 :],
        value[:place] + rng.choice(value) + value[place + 1 :],
        value[::-1],
        value + rng.choice(value),
        value[: len(value) // 2],
        "".join(rng.sample(value, len(value))),
        " ".join(rng.sample(words, len(words))),
        " ".join([*words, rng.choice(words)]),
    ]
    return rng.choice(edits)[: 4 * _LONGEST]


def _mutated_items(items: list[Any], rng: random.Random) -> list[Any]:  # noqa: PLR0911  (a case an edit)
    if not items:
        return []
    place = rng.randrange(len(items))
    kind = rng.randrange(8)
    if kind == 0:
        return items[:place] + items[place + 1 :]
    if kind == 1 and len(items) < _LONGEST:
        return [*items[:place], items[place], *items[place:]]
    if kind == 2:
        return rng.sample(items, len(items))
    if kind == 3:
        return items[::-1]
    if kind == 4 and len(items) < _LONGEST:
        return [*items, mutated(rng.choice(items), rng)]
    if kind == 5:
        return items[: len(items) // 2]
    return [*items[:place], mutated(items[place], rng), *items[place + 1 :]]


def _like_tuple(value: tuple[Any, ...], items: list[Any], rng: random.Random) -> tuple[Any, ...]:
    """Tuples are mostly records: the length stays, one field changes."""
    if len(items) == len(value) or not value:
        return tuple(items)
    place = rng.randrange(len(value))
    return (*value[:place], mutated(value[place], rng), *value[place + 1 :])


def _mutated_dict(items: dict[Any, Any], rng: random.Random) -> dict[Any, Any]:
    if not items:
        return {}
    key = rng.choice(sorted(items, key=repr))
    if rng.random() < 0.3 and len(items) > 1:
        del items[key]
    elif rng.random() < 0.3:
        items[mutated(key, rng)] = items[key]
    else:
        items[key] = mutated(items[key], rng)
    return items


def maker(annotation: str) -> Maker | None:
    """A maker of values for an annotation such as ``dict[str, list[int]]``; None where it says too little."""
    try:
        made = _maker(ast.parse(annotation, mode="eval").body)
        if made is not None:
            for seed in range(_TRIED):
                made(random.Random(seed))
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError):
        return None  # no Python, or a type that has no values, such as set[list[int]]
    return made


def _maker(node: ast.expr) -> Maker | None:  # noqa: PLR0911  (one a form)
    match node:
        case ast.Constant(value=None):
            return lambda rng: None
        case ast.Constant(value=str(text)):
            return _maker(ast.parse(text, mode="eval").body)
        case _ if (shape := shape_of(ast.unparse(node))) is not None:
            return _structure(shape)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _SIMPLE.get(name) or _generic(name, [])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _one_of([_maker(left), _maker(right)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _generic(name, parts)
        case _:
            return None


def _structure(shape: Shape) -> Maker:
    """Plain lists that stand for linked lists and trees; some are empty."""
    if isinstance(shape, tuple):
        item = _structure(shape[1])
        return lambda rng: [item(rng) for _ in range(_length(rng))]
    if shape == "list":
        return lambda rng: [_int(rng) for _ in range(_length(rng))]
    return lambda rng: canonical("tree", [None if rng.random() < 0.2 else _int(rng) for _ in range(2 * _length(rng))])


def _generic(name: str, parts: Sequence[ast.expr]) -> Maker | None:
    name = name.lower()
    if name == "tuple" and len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is Ellipsis:
        return _collection(tuple, _maker(parts[0]))
    made = [_maker(part) for part in parts] or [_int] * (2 if name in {"dict", "tuple"} else 1)
    if name == "optional":
        return _one_of([*made, lambda rng: None])
    if name == "union":
        return _one_of(made)
    if name == "tuple":
        return _record(made)
    if name in {"dict", "mapping"} and len(made) == 2:
        return _pairs(made[0], made[1])
    kind = _COLLECTIONS.get(name)
    return _collection(kind, made[0]) if kind is not None and len(made) == 1 else None


def _one_of(makers: Sequence[Maker | None]) -> Maker | None:
    known = [m for m in makers if m is not None]
    return (lambda rng: rng.choice(known)(rng)) if len(known) == len(makers) else None


def _record(makers: Sequence[Maker | None]) -> Maker | None:
    known = [m for m in makers if m is not None]
    return (lambda rng: tuple(m(rng) for m in known)) if len(known) == len(makers) else None


def _collection(kind: Callable[[list[Any]], Any], item: Maker | None) -> Maker | None:
    return None if item is None else lambda rng: kind([item(rng) for _ in range(_length(rng))])


def _pairs(key: Maker | None, value: Maker | None) -> Maker | None:
    if key is None or value is None:
        return None
    return lambda rng: {key(rng): value(rng) for _ in range(_length(rng))}


def _length(rng: random.Random) -> int:
    return rng.choice([0, 1, 2, 3, 4, 5, 7])


def _int(rng: random.Random) -> int:
    return rng.choice([0, 1, 2, rng.randint(3, 9), rng.randint(3, 9), rng.randint(10, 99), -rng.randint(1, 9)])


def _float(rng: random.Random) -> float:
    return rng.choice([0.0, 1.0, round(rng.uniform(-10, 10), 2), round(rng.uniform(0, 100), 1)])


def _bool(rng: random.Random) -> bool:
    return rng.random() < 0.5


def _word(rng: random.Random) -> str:
    # A few letters, so that repetitions happen; capitals and digits sometimes.
    letters = rng.choice(["abc", "abcde", "aeiourst", "abAB", "abc12"])
    return "".join(rng.choice(letters) for _ in range(rng.randint(1, 7)))


def _text(rng: random.Random) -> str:
    return " ".join(_word(rng) for _ in range(rng.choice([0, 1, 1, 1, 2, 3])))


_SIMPLE: dict[str, Maker] = {"int": _int, "float": _float, "bool": _bool, "str": _text}
_COLLECTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "sequence": list,
    "iterable": list,
    "set": set,
    "frozenset": frozenset,
}
