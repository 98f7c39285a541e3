"""Plain Python data as JSON, with exact types, and back, strictly.

None, bool, finite floats, short ints and ordinary strings are themselves; everything else is an array with
a tag:

    ["l", ...]  list          ["d", [k, v], ...]  dict, in its order      ["i", "-0x..."]  int of 2**63 and up
    ["t", ...]  tuple         ["s", ...]  set                             ["f", "nan"]     also "inf", "-inf"
    ["b", hex]  bytes         ["z", ...]  frozenset                       ["c", re, im]    complex
    ["u", hex]  str with surrogates (UTF-8 "surrogatepass")

Instances of subclasses (a Counter, a namedtuple, an IntEnum) are carried as the plain data that they hold,
read with the base type's own methods, so that nothing a program overrides (``__eq__``, ``__iter__``,
``__repr__``) takes part. Sets are ordered by their elements' text: the same value has the same text in
every process. No pickle anywhere.

This module imports the standard library only: it also runs inside the sandbox.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, TypeAlias, cast

Tagged: TypeAlias = Any
"""JSON-able data: None, bool, int, float, str, or a list whose first element is a tag."""

MAX_DEPTH = 100
MAX_NODES = 2_000_000
_SMALL = 1 << 63
_SAME_HASH = 64
"""How many elements of one set or dict may share a hash; more is an attack on the judge's time, not a
result.
"""


class CodecError(ValueError):
    """The value is not plain data, or the tagged data is malformed or over its bounds."""


def encode(value: Any, *, depth: int = MAX_DEPTH) -> Tagged:
    """Return ``value`` as tagged data.

    Raises:
        CodecError: something in it is not plain data, or it is nested deeper than ``depth`` (a cycle
        included).
    """
    kind = cast("type[Any]", type(value))
    if kind is int:
        return value if -_SMALL <= value < _SMALL else ["i", hex(value)]
    if kind is str:
        return _encode_str(value)
    if value is None or kind is bool:
        return value
    if kind is float:
        return value if math.isfinite(value) else ["f", repr(value)]
    if depth <= 0:
        raise CodecError("nested too deeply")
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value, depth - 1)
    for base, plain in _PLAIN:
        # type() and not isinstance(): a forged __class__ must not choose the branch.
        if base in kind.__mro__:
            return encode(plain(value), depth=depth - 1)
    raise CodecError(f"not plain data: {kind.__name__}")


def is_plain(value: Any) -> bool:
    """Whether ``value`` can be encoded. A literal need not be: ``...`` is one, and so are a thousand brackets."""
    try:
        encode(value)
    except CodecError:
        return False
    return True


def _encode_str(value: str) -> Tagged:
    try:
        value.encode()
    except UnicodeEncodeError:
        return ["u", value.encode("utf-8", "surrogatepass").hex()]
    return value


def _encode_items(tag: str) -> Callable[[Any, int], Tagged]:
    return lambda value, depth: [tag, *[encode(item, depth=depth) for item in value]]


def _encode_set(tag: str) -> Callable[[Any, int], Tagged]:
    return lambda value, depth: [tag, *sorted((encode(item, depth=depth) for item in value), key=_text)]


def _encode_dict(value: dict[Any, Any], depth: int) -> Tagged:
    return ["d", *[[encode(k, depth=depth), encode(v, depth=depth)] for k, v in value.items()]]


_ENCODERS: dict[type[Any], Callable[[Any, int], Tagged]] = {
    list: _encode_items("l"),
    tuple: _encode_items("t"),
    set: _encode_set("s"),
    frozenset: _encode_set("z"),
    dict: _encode_dict,
    bytes: lambda value, depth: ["b", value.hex()],
    complex: lambda value, depth: ["c", encode(value.real), encode(value.imag)],
}

_list: Any = list
_tuple: Any = tuple
_dict: Any = dict
_set: Any = set
_frozenset: Any = frozenset

_PLAIN: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (complex, lambda value: complex.__add__(value, 0j)),
    (str, str.__str__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
    (list, lambda value: list(_list.__iter__(value))),
    (tuple, lambda value: tuple(_tuple.__iter__(value))),
    (dict, lambda value: dict(_dict.items(value))),
    (set, lambda value: set(_set.__iter__(value))),
    (frozenset, lambda value: frozenset(_frozenset.__iter__(value))),
)


def decode(data: Tagged, *, nodes: int = MAX_NODES, depth: int = MAX_DEPTH) -> Any:
    """Return the value that tagged ``data`` stands for; ``data`` may be hostile.

    Raises:
        CodecError: it is no tagged data, has more than ``nodes`` nodes, or is nested deeper than ``depth``.
    """
    return _Decoder(nodes).decode(data, depth)


class _Decoder:
    """One pass over hostile data, with what is left of its bound on nodes."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes

    def decode(self, data: Tagged, depth: int) -> Any:
        self.nodes -= 1
        if self.nodes < 0:
            raise CodecError("too many elements")
        if data is None or isinstance(data, (bool, int, str)):
            return data
        if isinstance(data, float):
            if not math.isfinite(data):
                raise CodecError("untagged number out of range")
            return data
        if not isinstance(data, list) or not data:
            raise CodecError("neither a scalar nor a tagged array")
        if depth <= 0:
            raise CodecError("nested too deeply")
        tag, *body = cast("list[Any]", data)
        return self._tagged(tag, body, depth - 1)

    def _tagged(self, tag: Any, body: list[Any], depth: int) -> Any:
        match tag:
            case "l":
                return [self.decode(item, depth) for item in body]
            case "t":
                return tuple([self.decode(item, depth) for item in body])
            case "s" | "z":
                items = self._hashable([self.decode(item, depth) for item in body])
                return items if tag == "s" else frozenset(items)
            case "d":
                return self._dict(body, depth)
            case "c":
                return self._complex(body, depth)
            case "i" | "f" | "b" | "u":
                if len(body) != 1 or not isinstance(body[0], str):
                    raise CodecError(f"malformed {tag!r}")
                return _scalar(tag, body[0])
            case _:
                raise CodecError("unknown tag")

    def _complex(self, body: list[Any], depth: int) -> complex:
        parts = [self.decode(part, depth) for part in body]
        if len(parts) != 2 or not all(type(part) is float for part in parts):
            raise CodecError("malformed complex")
        return complex(*parts)

    def _dict(self, body: list[Any], depth: int) -> dict[Any, Any]:
        pairs: list[tuple[Any, Any]] = []
        for pair in body:
            if not isinstance(pair, list) or len(cast("list[Any]", pair)) != 2:
                raise CodecError("malformed dict")
            pairs.append((self.decode(pair[0], depth), self.decode(pair[1], depth)))
        self._hashable([key for key, _ in pairs])
        return dict(pairs)

    @staticmethod
    def _hashable(items: list[Any]) -> set[Any]:
        try:
            hashes = sorted(hash(item) for item in items)
        except TypeError as error:
            raise CodecError("unhashable element") from error
        # Equal hashes by the thousand would make the set quadratic: refuse before it is built.
        if any(a == b for a, b in zip(hashes, hashes[_SAME_HASH:], strict=False)):
            raise CodecError("too many equal hashes")
        unique = set(items)
        if len(unique) != len(items):
            raise CodecError("repeated element")
        return unique


def _scalar(tag: str, text: str) -> Any:
    try:
        if tag == "i":
            value = int(text, 16)
            if hex(value) != text or -_SMALL <= value < _SMALL:
                raise CodecError("malformed int")
            return value
        if tag == "b":
            return bytes.fromhex(text)
        if tag == "u":
            return bytes.fromhex(text).decode("utf-8", "surrogatepass")
    except ValueError as error:
        raise CodecError(f"malformed {tag!r}") from error
    if text not in {"nan", "inf", "-inf"}:
        raise CodecError("malformed float")
    return float(text)


def _text(data: Tagged) -> str:
    return _ENCODER.encode(data)


def dumps(value: Any) -> str:
    """Return ``value`` as one line of ASCII JSON.

    Raises:
        CodecError: see ``encode``.
    """
    return _text(encode(value))


def loads(text: str | bytes, *, nodes: int = MAX_NODES) -> Any:
    """Return the value of a text made by ``dumps``; ``text`` may be hostile.

    Raises:
        CodecError: it is no JSON, or see ``decode``.
    """
    return decode(parse(text), nodes=nodes)


def parse(text: str | bytes) -> Tagged:
    """Parse JSON that may be hostile: one error type whatever is wrong with it.

    Raises:
        CodecError: not JSON, nested beyond the interpreter's stack, or a number with thousands of digits.
    """
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise CodecError("not JSON") from error


def _no_constant(name: str) -> Any:
    raise CodecError(f"{name} is not JSON")


# Made once: json.loads and json.dumps with options would make one for each call.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
