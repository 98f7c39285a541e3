"""A GGUF model as far as planning needs it: its shape and its weights, from the header alone, on disk or far away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from atlas.engine.gguf_check import opened
from atlas.engine.gguf_reader import Header, Malformed, TensorRecord, read_header
from atlas.engine.gguf_types import FILE_TYPES
from atlas.engine.remote import RemoteFile
from atlas.engine.shape import Shape, shape_of
from atlas.errors import UsageError


@dataclass(frozen=True, slots=True)
class GGUFModel:
    """One model file: where it is, its shape, its tensors by name, and its bytes."""

    source: str
    name: str
    shape: Shape
    tensors: Mapping[str, TensorRecord]
    quantization: str
    size_bytes: int


def read_file(path: Path) -> GGUFModel:
    """The model of a file on disk.

    Raises:
        UsageError: it is no complete GGUF model, or of a kind whose memory is not predicted.
    """
    with opened(path) as (file, size):
        return _model(str(path), path.stem, file, size)


def read_url(url: str) -> GGUFModel:
    """The model of a file on a web server; only its header is fetched.

    Raises:
        UsageError: it cannot be read, or as of ``read_file``.
    """
    import httpx  # noqa: PLC0415  (only where something is fetched)

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url} is no address of a file: it begins with http:// or https://.")
    with httpx.Client(follow_redirects=True) as client:
        file = RemoteFile(client, url)
        name = url.partition("?")[0].rpartition("/")[2].removesuffix(".gguf")
        return _model(url, name, cast("BinaryIO", file), file.size)


def _model(source: str, name: str, file: BinaryIO, size: int) -> GGUFModel:
    try:
        header = read_header(file, size)
    except Malformed as e:
        raise UsageError(f"{source} {e}: give a complete GGUF model file.") from None
    if size < header.needed_bytes:
        raise UsageError(f"{source} is cut off: it has {size} of {header.needed_bytes} bytes; fetch it again.")
    parts = header.values.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        raise UsageError(f"{source} is one of {parts} parts of a model: give a model in one file.")
    unknown = next((name for name, tensor in header.tensors.items() if not tensor.size_bytes), None)
    if unknown is not None:
        raise UsageError(f"{source} holds a tensor of a type that is not known here ({unknown[:60]!r}).")
    return GGUFModel(source, name, _shape(source, header), header.tensors, _quantization(header), size)


def _shape(source: str, header: Header) -> Shape:
    vocabulary = header.lengths.get("tokenizer.ggml.tokens", 0)
    try:
        return shape_of(header.values, header.numbers, vocabulary, header.tensors)
    except UsageError as e:
        raise UsageError(f"{source}: {e}") from None


def _quantization(header: Header) -> str:
    kind = header.values.get("general.file_type")
    return FILE_TYPES.get(kind, "unknown") if isinstance(kind, int) else "unknown"
