"""Is this model file whole? Asked before the engine maps it: reading past a truncated file is a SIGBUS."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from atlas.engine.foreign import foreign
from atlas.engine.gguf_reader import Header, Malformed, read_header
from atlas.engine.gguf_types import FILE_TYPES
from atlas.errors import UsageError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a model file says of itself.

    ``context_length`` and ``vocabulary`` are tokens, ``parameters`` counts the weights.
    """

    path: Path
    size_bytes: int
    parameters: int
    architecture: str
    name: str
    context_length: int
    vocabulary: int
    quantization: str
    has_chat_template: bool
    warnings: tuple[str, ...] = ()


def check(path: Path) -> ModelFile:
    """Read the header of ``path`` and compare what it promises with the file's size.

    Raises:
        UsageError: there is no such file, or it is no complete GGUF model.
    """
    try:
        with opened(path) as (file, size):
            header = read_header(file, size)
    except Malformed as e:
        raise UsageError(f"{path} {e}: give a complete GGUF model file.") from None
    if size < header.needed_bytes:
        raise UsageError(f"{path} is cut off: it has {size} of {header.needed_bytes} bytes; fetch it again.")
    return _model_file(path, size, header)


@contextmanager
def opened(path: Path) -> Generator[tuple[BinaryIO, int]]:
    """A regular file, open for reading, and its bytes.

    Raises:
        UsageError: it is none, or cannot be read.
    """
    other = foreign(path)
    if other is not None:
        raise UsageError(other)
    if path.is_dir():
        raise UsageError(f"{path} is not a file: give the path of a GGUF model file.")
    try:
        # Not blocking: a named pipe would otherwise be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{path} is not a file: give the path of a GGUF model file.")
            yield file, status.st_size
    except OSError as e:
        raise UsageError(f"{path} cannot be read ({e.strerror}): give the path of a GGUF model file.") from None


def _model_file(path: Path, size: int, header: Header) -> ModelFile:
    def text(key: str) -> str:
        value = header.values.get(key, "")
        return value if isinstance(value, str) else ""

    def number(key: str) -> int:
        value = header.values.get(key, 0)
        return value if isinstance(value, int) else 0

    architecture = text("general.architecture")
    context = number(f"{architecture}.context_length")
    vocabulary = header.lengths.get("tokenizer.ggml.tokens", 0)
    if not architecture or context < 1 or vocabulary < 1:
        raise UsageError(f"{path} holds no language model with a tokenizer: give a complete GGUF model file.")
    warnings: list[str] = []
    if not text("tokenizer.chat_template"):
        warnings.append(f"{path.name} has no chat template: llama.cpp's default (ChatML) is used.")
    if text("tokenizer.ggml.model") == "gpt2" and not text("tokenizer.ggml.pre"):
        warnings.append(f"{path.name} does not name its pre-tokenizer: texts may be split into wrong tokens.")
    return ModelFile(
        path=path,
        size_bytes=size,
        parameters=header.parameters,
        architecture=architecture,
        name=text("general.name")[:200] or path.stem,
        context_length=context,
        vocabulary=vocabulary,
        quantization=FILE_TYPES.get(number("general.file_type"), "unknown"),
        has_chat_template=bool(text("tokenizer.chat_template")),
        warnings=tuple(warnings),
    )


def sha256(path: Path) -> str:
    """Hex digest of the file, remembered for as long as its size and time stay the same."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
