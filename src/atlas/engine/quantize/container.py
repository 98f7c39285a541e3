"""Writing a GGUF file: the keys of another one as they are but for a few, and tensors of new types.

Layout as in ``gguf_reader``; order and numbers as llama.cpp's quantizer writes them, so that files can be compared.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from atlas.engine.gguf_reader import Header
from atlas.engine.gguf_types import TENSOR_TYPES
from atlas.errors import UsageError

_U32, _STRING = 4, 8
_VERSION = 3


@dataclass(frozen=True, slots=True)
class Written:
    """A tensor as it will be in the file; ``kind`` is the type's number."""

    name: str
    dimensions: tuple[int, ...]
    kind: int

    @property
    def elements(self) -> int:
        """Weights in it."""
        count = 1
        for size in self.dimensions:
            count *= size
        return count

    @property
    def size_bytes(self) -> int:
        """Without padding."""
        elements, size = TENSOR_TYPES[self.kind]
        return self.elements // elements * size


def head(
    source: BinaryIO, header: Header, tensors: Iterable[Written], changes: Mapping[str, int | str | None]
) -> bytes:
    """Everything before the tensor data.

    Args:
        source: the file whose keys are kept.
        header: of ``source``.
        tensors: in the order of their data.
        changes: keys that get this value, or none at all; they go to the end, as llama.cpp does it.
    """
    kept = [span for key, span in header.records.items() if key not in changes]
    added = {key: value for key, value in changes.items() if value is not None}
    tensors = list(tensors)
    parts = [b"GGUF", struct.pack("<IQQ", _VERSION, len(tensors), len(kept) + len(added))]
    for begins, ends in kept:
        source.seek(begins)
        parts.append(source.read(ends - begins))
    for key, value in added.items():
        parts += [_text(key), struct.pack("<I", _U32 if isinstance(value, int) else _STRING)]
        parts.append(struct.pack("<I", value) if isinstance(value, int) else _text(value))
    offset = 0
    for tensor in tensors:
        dimensions = list(tensor.dimensions)
        while len(dimensions) > 1 and dimensions[-1] == 1:
            dimensions.pop()
        parts.append(_text(tensor.name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions))
        parts.append(struct.pack("<IQ", tensor.kind, offset))
        offset += padded(tensor.size_bytes, header.alignment)
    data = b"".join(parts)
    return data.ljust(padded(len(data), header.alignment), b"\0")


def padded(size: int, alignment: int) -> int:
    """``size`` up to the next multiple."""
    return -(-size // alignment) * alignment


@contextmanager
def replacing(target: Path) -> Generator[BinaryIO]:
    """A file to write beside ``target``, which takes its place at the end, whole; on an error nothing is left.

    Raises:
        UsageError: the folder cannot be written to.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        file = part.open("xb")
    except OSError as e:
        raise UsageError(f"{target} cannot be written ({e.strerror}): name another file with --out.") from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
