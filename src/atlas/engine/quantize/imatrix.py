"""Reading an importance matrix: how strongly each column of each weight matrix is used, as ``llama-imatrix`` writes it.

It is the mean square of what each column is multiplied with, over a text (llama.cpp, ``tools/imatrix/README.md``).
Both formats are read: the older one of its own, and GGUF.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from atlas.engine.gguf_check import opened
from atlas.engine.gguf_reader import Header, Malformed, read_header, read_texts
from atlas.engine.quantize.native import Floats
from atlas.errors import UsageError

_SUMS, _COUNTS = ".in_sum2", ".counts"
_F32 = 0
_MOST_ENTRIES = 1 << 17
_LONGEST_NAME = 1 << 12


@dataclass(frozen=True, slots=True)
class Importance:
    """A matrix by tensor name, each (experts x row length,); with the text's name and its number of pieces."""

    file: str
    columns: Mapping[str, Floats]
    dataset: str
    chunks: int


def read_imatrix(path: Path) -> Importance:
    """An importance matrix from its file.

    Raises:
        UsageError: it is none, is cut off, or holds numbers that are none.
    """
    with opened(path) as (file, size):
        gguf = file.read(4) == b"GGUF"
        file.seek(0)
        try:
            found = _read_gguf(path, file, size) if gguf else _read_old(path, file, size)
        except Malformed as e:
            raise UsageError(f"{path} {e}: give an importance matrix that `atlas calibrate` made.") from None
    if not found.columns or not all(np.isfinite(c).all() and (c >= 0).all() for c in found.columns.values()):
        raise UsageError(f"{path} holds no importances that could be used: make it again with `atlas calibrate`.")
    return found


def _read_gguf(path: Path, file: BinaryIO, size: int) -> Importance:
    header = read_header(file, size)
    if size < header.needed_bytes:
        raise Malformed("is cut off")
    columns = {name.removesuffix(_SUMS): _mean(file, header, name) for name in header.tensors if name.endswith(_SUMS)}
    texts = read_texts(file, header, "imatrix.datasets")
    chunks = header.values.get("imatrix.chunk_count", 0)
    dataset = texts[0].decode("utf-8", "replace") if texts else ""
    return Importance(path.name, columns, dataset, chunks if isinstance(chunks, int) else 0)


def _mean(file: BinaryIO, header: Header, name: str) -> Floats:
    """The sums of one tensor over the count of each expert; an expert that never ran weighs all columns alike."""
    counts = name.removesuffix(_SUMS) + _COUNTS
    if counts not in header.tensors:
        raise Malformed(f"has no counts for {name[:60]!r}")
    sums, times = _floats(file, header, name), _floats(file, header, counts)
    if not times.size or sums.size % times.size:
        raise Malformed(f"has counts that do not belong to {name[:60]!r}")
    each = sums.reshape(times.size, -1)
    ran = times[:, None] > 0
    return np.where(ran, each / np.where(ran, times[:, None], 1), 1).astype(np.float32).ravel()


def _floats(file: BinaryIO, header: Header, name: str) -> Floats:
    record = header.tensors[name]
    if record.kind != _F32:
        raise Malformed("is not an importance matrix")
    file.seek(header.data_start + record.offset)
    return np.frombuffer(_exactly(file, record.size_bytes), np.float32)


def _read_old(path: Path, file: BinaryIO, size: int) -> Importance:
    """Count of entries; each: name, number of calls, number of columns, sums. Then the pieces and the text's name."""
    columns: dict[str, Floats] = {}
    for _ in range(_count(file, _MOST_ENTRIES)):
        name = _exactly(file, _count(file, _LONGEST_NAME)).decode("utf-8", "replace")
        (calls,) = struct.unpack("<i", _exactly(file, 4))
        width = _count(file, size // 4)
        columns[name] = np.frombuffer(_exactly(file, 4 * width), np.float32) / np.float32(max(1, calls))
    chunks, dataset = 0, ""
    if file.tell() < size:
        chunks = _count(file, 1 << 30)
        dataset = _exactly(file, _count(file, _LONGEST_NAME)).decode("utf-8", "replace")
    return Importance(path.name, columns, dataset, chunks)


def _count(file: BinaryIO, most: int) -> int:
    (number,) = struct.unpack("<i", _exactly(file, 4))
    if not 0 <= number <= most:
        raise Malformed("is not an importance matrix")
    return int(number)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise Malformed("is cut off, or is not an importance matrix")
    return data
