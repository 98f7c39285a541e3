"""Whether a value fits a source annotation such as ``dict[str, list[int]]``. What is not known fits."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any, cast

from atlas.problem import FunctionProblem, Value

_SCALARS: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "bool": (bool,),
    "bytes": (bytes,),
    "complex": (complex, float, int),
    "None": (type(None),),
}
_CONTAINERS: Mapping[str, type] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "List": list,
    "Tuple": tuple,
    "Set": set,
    "FrozenSet": frozenset,
    "Dict": dict,
}


def returns_fit(problem: FunctionProblem, value: Value) -> bool:
    """Whether ``value`` may be returned, as far as the return annotation tells.

    Annotations are sometimes wrong: one that the statement's own examples do not fit says nothing.
    """
    annotation = problem.signature.returns
    return fits(annotation, value) or not all(fits(annotation, e.output) for e in problem.examples)


def fits(annotation: str, value: Value) -> bool:
    """Whether ``value`` may stand where ``annotation`` does; True where that is not understood."""
    try:
        return _fits(ast.parse(annotation, mode="eval").body, value)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


def _fits(node: ast.expr, value: Any) -> bool:  # noqa: PLR0911  (one a form)
    match node:
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str(text)):
            return fits(text, value)
        case ast.Name(id=name) if name in _SCALARS:
            return isinstance(value, _SCALARS[name]) and (name == "bool" or not isinstance(value, bool))
        case ast.Name(id=name) if name in _CONTAINERS:
            return isinstance(value, _CONTAINERS[name])
        case ast.Attribute(attr=name):  # typing.List
            return _fits(ast.Name(name), value)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _fits(left, value) or _fits(right, value)
        case ast.Subscript(value=ast.Attribute(attr=name), slice=inner):
            return _fits(ast.Subscript(ast.Name(name), inner), value)
        case ast.Subscript(value=ast.Name(id=name), slice=inner):
            return _fits_inside(name, inner.elts if isinstance(inner, ast.Tuple) else [inner], value)
        case _:
            return True


def _fits_inside(name: str, inner: list[ast.expr], value: Any) -> bool:
    if name == "Optional":
        return value is None or _fits(inner[0], value)
    if name == "Union":
        return any(_fits(part, value) for part in inner)
    if name not in _CONTAINERS:
        return True
    return isinstance(value, _CONTAINERS[name]) and _items_fit(inner, value)


def _items_fit(inner: list[ast.expr], value: Any) -> bool:
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(cast("dict[Any, Any]", value).items())
        return len(inner) != 2 or all(_fits(inner[0], k) and _fits(inner[1], v) for k, v in pairs)
    items = list(cast("Iterable[Any]", value))
    if isinstance(value, tuple) and not _is_open(inner):
        return len(items) == len(inner) and all(map(_fits, inner, items))
    return all(_fits(inner[0], item) for item in items)


def _is_open(inner: list[ast.expr]) -> bool:
    """Whether it is ``tuple[int, ...]``, of any length."""
    return len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is ...
