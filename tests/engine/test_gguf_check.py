"""Files that are no model, or only half of one."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas.engine.gguf_check import check, sha256
from atlas.engine.gguf_reader import Header, Malformed, read_header, read_texts
from atlas.errors import UsageError


def test_a_whole_file(tiny_model: Path) -> None:
    found = check(tiny_model)
    assert (found.architecture, found.name, found.context_length) == ("llama", "tiny", 1024)
    assert found.vocabulary == 266
    assert found.quantization == "F32"
    assert found.has_chat_template
    assert found.size_bytes == tiny_model.stat().st_size
    assert found.warnings == ()


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def header(tensors: int = 0, keys: int = 0, version: int = 3, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + rest


GARBAGE = {
    "empty": (b"", "is empty"),
    "text": (b"version https://git-lfs.github.com/spec/v1\n", "is not a GGUF file"),
    "magic alone": (b"GGUF", "cut off in its header"),
    "old version": (header(version=1), "version 1"),
    "big-endian": (header(version=3 << 24), "big-endian"),
    "absurd tensors": (header(tensors=2**63), "claims"),
    "absurd keys": (header(keys=2**40), "claims"),
    "absurd text": (header(keys=1, rest=struct.pack("<Q", 2**62)), "claims"),
    "unknown value": (header(keys=1, rest=text(b"k") + struct.pack("<I", 99)), "unknown type"),
    "absurd array": (header(keys=1, rest=text(b"k") + struct.pack("<IIQ", 9, 0, 2**50)), "claims"),
    "cut array": (header(keys=1, rest=text(b"k") + struct.pack("<IIQ", 9, 10, 2**20)), "cut off"),
    "nested arrays": (header(keys=1, rest=text(b"k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 9), "nests"),
    "no alignment": (header(keys=1, rest=text(b"general.alignment") + struct.pack("<II", 4, 0)), "alignment"),
    "dimensions": (header(tensors=1, rest=text(b"t") + struct.pack("<I", 4000)), "claims"),
    "shape": (header(tensors=1, rest=text(b"t") + struct.pack("<IQIQ", 1, 33, 8, 0)), "impossible shape"),
    "no data": (header(tensors=1, rest=text(b"t") + struct.pack("<IQIQ", 1, 2**40, 0, 0)), "is cut off"),
    "no weights": (header(), "no weights"),
    "no model": (
        header(tensors=1, rest=text(b"t") + struct.pack("<IQIQ", 1, 8, 0, 0)) + b" " * 99,
        "no language model",
    ),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_one_clear_sentence(tmp_path: Path, name: str) -> None:
    content, says = GARBAGE[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says) as caught:
        check(path)
    assert "\n" not in str(caught.value)


def sparse(path: Path, start: bytes, records: int, each: bytes) -> Path:
    """A file of ``records`` texts of 4 MiB that takes no room on the disk."""
    with path.open("wb") as file:
        file.write(start)
        for _ in range(records):
            file.write(each + struct.pack("<Q", 1 << 22))
            file.seek(1 << 22, os.SEEK_CUR)
        file.truncate()
    return path


def test_all_texts_together_are_bounded(tmp_path: Path) -> None:
    values = sparse(tmp_path / "values", header(tensors=1, keys=40), 40, text(b"k") + struct.pack("<I", 8))
    with values.open("rb") as file, pytest.raises(Malformed, match="bytes of text"):
        read_header(file)
    array = sparse(tmp_path / "array", struct.pack("<IQ", 8, 40), 40, b"")
    with array.open("rb") as file, pytest.raises(Malformed, match="bytes of text"):
        read_texts(file, Header({}, {"k": 40}, {"k": 0}, 1, 1), "k")


def test_a_file_cut_anywhere_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    whole = tiny_model.read_bytes()
    path = tmp_path / "model.gguf"
    for size in [*range(0, 6000, 97), len(whole) // 2, len(whole) - 5000, len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(UsageError):
            check(path)


def missing(path: Path) -> Path:
    return path / "nothing.gguf"


def pipe(path: Path) -> Path:
    os.mkfifo(path / "pipe")
    return path / "pipe"


def directory(path: Path) -> Path:
    return path


@pytest.mark.parametrize(
    ("make", "says"), [(missing, "No such file"), (pipe, "is not a file"), (directory, "is not a file")]
)
def test_no_file(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check(make(tmp_path))


def test_what_a_file_lacks_is_said(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "lacking.gguf"
    lacking = tiny_model.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chat_templatX")
    path.write_bytes(lacking.replace(b"tokenizer.ggml.pre", b"tokenizer.ggml.prX"))
    warnings = check(path).warnings
    assert len(warnings) == 2
    assert "chat template" in warnings[0]
    assert "pre-tokenizer" in warnings[1]


def test_the_digest_follows_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"abcd")
    assert sha256(path) == "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
