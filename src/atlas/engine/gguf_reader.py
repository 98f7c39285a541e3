"""A bounded reader of GGUF headers, for files that nobody vouches for.

Layout (GGUF version 2 and 3, little-endian): magic, version, tensor count, key count, the key-value pairs,
one record for each tensor, padding, tensor data. Every count and length is checked before it is used.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import BinaryIO

from atlas.engine.gguf_types import TENSOR_TYPES

_MOST_KEYS = 1 << 16
_MOST_TENSORS = 1 << 17
_MOST_ITEMS = 1 << 23
_LONGEST_NAME = 1 << 12
_LONGEST_TEXT = 1 << 22
_MOST_TEXT = 1 << 26
"""Bytes of all texts together that are held at once; a file may be sparse, so that its size bounds nothing."""
_MOST_DIMENSIONS = 4
_DEEPEST_ARRAY = 2
_MOST_NUMBERS = 1 << 12
"""Whole numbers of one array that are kept: as many as a model may have layers."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9

Scalar = int | float | bool | str


class Malformed(ValueError):
    """The bytes are no GGUF that could be loaded; the argument says why."""


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """What a file says of one tensor: its dimensions (a row's length first), type and place among all tensor data.

    ``size_bytes`` is 0 where the type is newer than our table.
    """

    dimensions: tuple[int, ...]
    kind: int
    offset: int
    size_bytes: int

    @property
    def elements(self) -> int:
        """Weights in it."""
        return prod(self.dimensions)


@dataclass(frozen=True, slots=True)
class Header:
    """Scalar values by key, array lengths and places by key, weights in all, and the bytes that the file must have."""

    values: Mapping[str, Scalar]
    lengths: Mapping[str, int]
    places: Mapping[str, int]
    """Where each array begins in the file, at its record."""
    parameters: int
    needed_bytes: int
    tensors: Mapping[str, TensorRecord] = field(default_factory=dict[str, TensorRecord])
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """Short arrays of whole numbers and truth values: sizes that differ from layer to layer."""
    records: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Where each key and its value begin and end in the file, so that they can be copied as they are."""
    data_start: int = 0
    """Where tensor data begins; offsets of tensors count from here."""
    alignment: int = 32


def read_header(file: BinaryIO, size: int | None = None) -> Header:
    """Read up to the first byte of tensor data.

    Args:
        file: at its first byte; it is read, told and sought.
        size: bytes of the whole file; None asks the operating system.

    Raises:
        Malformed: it is not GGUF, is cut off, or holds an absurd count.
    """
    if size is None:
        size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise Malformed("is empty")
    if file.read(4) != b"GGUF":
        raise Malformed("is not a GGUF file")
    version = _number(file, "I")
    if version not in (2, 3):
        raise Malformed(
            "is big-endian GGUF" if version in (2 << 24, 3 << 24) else f"is GGUF version {version}, not 2 or 3"
        )
    tensors = _count(_number(file, "Q"), _MOST_TENSORS, "tensors")
    keys = _count(_number(file, "Q"), _MOST_KEYS, "keys")
    values: dict[str, Scalar] = {}
    lengths: dict[str, int] = {}
    places: dict[str, int] = {}
    numbers: dict[str, tuple[int, ...]] = {}
    spans: dict[str, tuple[int, int]] = {}
    held = 0
    for _ in range(keys):
        begins = file.tell()
        key = _text(file, _LONGEST_NAME)
        kind = _number(file, "I")
        if kind == _ARRAY:
            places[key] = file.tell()
            lengths[key], numbers[key] = _array(file, size)
        else:
            values[key] = value = _text(file, _LONGEST_TEXT) if kind == _STRING else _scalar(file, kind)
            held += len(value) if isinstance(value, str) else 0
        held = _count(held + len(key), _MOST_TEXT, "bytes of text")
        spans[key] = begins, file.tell()
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 16:
        raise Malformed("has an absurd alignment")
    if tensors == 0:
        raise Malformed("holds no weights")
    records: dict[str, TensorRecord] = {}
    for _ in range(tensors):
        name, record = _tensor(file)
        held = _count(held + len(name), _MOST_TEXT, "bytes of text")
        records[name] = record
    start = -(-file.tell() // alignment) * alignment
    return Header(
        values,
        lengths,
        places,
        parameters=sum(record.elements for record in records.values()),
        needed_bytes=start + max(record.offset + record.size_bytes for record in records.values()),
        tensors=records,
        numbers={key: found for key, found in numbers.items() if found},
        records=spans,
        data_start=start,
        alignment=alignment,
    )


def read_texts(file: BinaryIO, header: Header, key: str) -> list[bytes]:
    """The texts of one array of the header, empty if it has no such array.

    Raises:
        Malformed: the array holds something else, or too much.
    """
    if key not in header.places:
        return []
    file.seek(header.places[key])
    if _number(file, "I") != _STRING:
        raise Malformed(f"holds no texts in {key}")
    length = _count(_number(file, "Q"), _MOST_ITEMS, "items in one array")
    texts: list[bytes] = []
    held = 0
    for _ in range(length):
        texts.append(_read(file, _count(_number(file, "Q"), _LONGEST_TEXT, "bytes in one text")))
        held = _count(held + len(texts[-1]), _MOST_TEXT, "bytes of text")
    return texts


def _tensor(file: BinaryIO) -> tuple[str, TensorRecord]:
    """One tensor's name and record."""
    name = _text(file, _LONGEST_NAME)
    count = _count(_number(file, "I"), _MOST_DIMENSIONS, "dimensions of a tensor")
    dimensions = tuple(_number(file, "Q") for _ in range(count))
    kind, offset = _number(file, "I"), _number(file, "Q")
    if kind not in TENSOR_TYPES:  # newer than this table; whether it can be loaded is for llama.cpp to say
        return name, TensorRecord(dimensions, kind, offset, 0)
    block, block_bytes = TENSOR_TYPES[kind]
    elements = prod(dimensions)
    if elements % block:
        raise Malformed(f"holds a tensor of an impossible shape ({name[:60]!r})")
    return name, TensorRecord(dimensions, kind, offset, elements // block * block_bytes)


def _read(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise Malformed("is cut off in its header")
    return data


def _number(file: BinaryIO, form: str) -> int:
    return int(struct.unpack("<" + form, _read(file, struct.calcsize(form)))[0])


def _scalar(file: BinaryIO, kind: int) -> Scalar:
    form = _SCALARS.get(kind)
    if form is None:
        raise Malformed(f"holds a value of an unknown type ({kind})")
    return struct.unpack("<" + form, _read(file, struct.calcsize(form)))[0]


def _text(file: BinaryIO, longest: int) -> str:
    length = _count(_number(file, "Q"), longest, "bytes in one text")
    return _read(file, length).decode("utf-8", "replace")


def _count(count: int, most: int, what: str) -> int:
    if count > most:
        raise Malformed(f"claims {count} {what}")
    return count


def _array(file: BinaryIO, size: int) -> tuple[int, tuple[int, ...]]:
    """Go past an array: its length, and its items where they are few whole numbers."""
    start = file.tell()
    kind = _number(file, "I")
    length = _count(_number(file, "Q"), _MOST_ITEMS, "items in one array")
    form = _SCALARS.get(kind, "f")
    if form in "fd" or length > _MOST_NUMBERS:
        file.seek(start)
        return _skip_array(file, size, 0), ()
    return length, struct.unpack(f"<{length}{form}", _read(file, length * struct.calcsize(form)))


def _skip_array(file: BinaryIO, size: int, depth: int) -> int:
    """Go past an array; its length."""
    kind = _number(file, "I")
    length = _count(_number(file, "Q"), _MOST_ITEMS, "items in one array")
    if kind == _STRING:
        for _ in range(length):
            _skip(file, _count(_number(file, "Q"), _LONGEST_TEXT, "bytes in one text"), size)
    elif kind == _ARRAY:
        if depth == _DEEPEST_ARRAY:
            raise Malformed("nests arrays too deeply")
        for _ in range(length):
            _skip_array(file, size, depth + 1)
    elif kind in _SCALARS:
        _skip(file, length * struct.calcsize(_SCALARS[kind]), size)
    else:
        raise Malformed(f"holds a value of an unknown type ({kind})")
    return length


def _skip(file: BinaryIO, count: int, size: int) -> None:
    if file.seek(count, os.SEEK_CUR) > size:
        raise Malformed("is cut off in its header")
