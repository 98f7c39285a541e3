"""The text that stands for an outcome in a pool's ``out_vocab``: outputs that are ``==`` have the same."""

from __future__ import annotations

import hashlib
from typing import Any, Final, cast

from atlas.problem import Input, Stdin, Value
from atlas.sandbox.types import Observation, Status
from atlas.search.outputs import LIMITS, output

UNKNOWN: Final = "E:unknown"
"""The outcome of what was not run."""
_RESERVED: Final = {"unknown", "timeout", "memory", "output", "load"}
"""What stands behind ``E:`` for no exception; a program's own classes may have any name."""
_LONGEST_NAME: Final = 40
_LONGEST: Final = 21
_KEPT: Final = 8


def outcome_text(input: Input, seen: Observation | None) -> str:
    """The class of an output, or ``E:`` and why there is none. Printed texts are equal token by token."""
    if seen is None or seen.status is Status.INFRASTRUCTURE:
        return UNKNOWN
    if seen.status is Status.OK:
        value = output(input, seen)
        return class_text(" ".join(value.split()) if isinstance(input, Stdin) else value)
    if seen.status is Status.NO_LOAD:
        return "E:load"
    if seen.status in LIMITS:
        return "E:timeout"
    name = seen.error.partition(":")[0][:_LONGEST_NAME]
    return "E:Exception" if name in _RESERVED else f"E:{name}"


def class_text(value: Value) -> str:
    """The same text for values that are ``==``; floats to nine digits; long ones end in a digest."""
    text = _text(value)
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_KEPT]}#{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _text(value: Any) -> str:
    match value:
        case bool() | int():
            return hex(value) if abs(value) >= 1 << 64 else str(int(value))  # Python prints no int of many digits
        case float():
            return str(int(value)) if value.is_integer() else f"{value:.9g}"
        case str():
            return f"s{value!r}"
        case list() | tuple() | set() | frozenset() | dict():
            return _collection(value)
        case _:
            return repr(value)


def _collection(value: Any) -> str:
    match value:
        case dict():
            items = cast("dict[Any, Any]", value).items()
            return "{" + ",".join(sorted(f"{_text(k)}:{_text(v)}" for k, v in items)) + "}"
        case list() | tuple():
            texts = ",".join(_text(item) for item in cast("list[Any]", value))
            return f"[{texts}]" if isinstance(value, list) else f"({texts})"
        case _:
            return "{" + ",".join(sorted(_text(item) for item in cast("set[Any]", value))) + "}"
