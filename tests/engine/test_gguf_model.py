"""A model's shape and weights from its header alone: on disk, and far away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import httpx
import pytest
from benchmarks.random_model import write
from range_server import REVISION, ImitationHub

from atlas.engine.catalogue import catalogue
from atlas.engine.fit.cards import sized
from atlas.engine.fit.choose import from_gguf, plans
from atlas.engine.fit.command import command
from atlas.engine.fit.plan import Wanted
from atlas.engine.fit.weights import from_file, from_recipe
from atlas.engine.gguf_model import read_file, read_url
from atlas.engine.remote import RemoteFile
from atlas.engine.shape import Shape, shape_of
from atlas.errors import UsageError

KINDS = {
    "qwen3-0.6b": "Q8_0",
    "qwen3-30b-a3b": "Q4_K_M",
    "qwen2.5-coder-0.5b": "Q3_K_M",
    "llama-3.1-8b": "Q5_K_M",
    "gemma-3-1b": "Q6_K",
    "gpt-oss-20b": "MXFP4",
    "deepseek-coder-v2-lite": "Q2_K",
}


def cut(name: str, layers: int = 7) -> Shape:
    """A model of the catalogue with a few layers and tokens."""
    shape = catalogue()[name].shape
    return replace(
        shape, layers=layers, vocabulary=512, kv_heads=shape.kv_heads[:layers], windowed=shape.windowed[:layers]
    )


@pytest.mark.parametrize("name", KINDS)
def test_a_header_tells_shape_and_weights(tmp_path: Path, name: str) -> None:
    shape = cut(name)
    model = read_file(write(tmp_path / "m.gguf", shape, KINDS[name], hollow=True))
    # A file says how far positions reach into a head even where that is all of it.
    assert model.shape == replace(shape, rope_size=model.shape.rope_size)
    assert from_file(model) == from_recipe(shape, KINDS[name])
    assert model.size_bytes >= from_file(model).total


@pytest.mark.parametrize("each", [[8, 2, 8, 2, 8, 2, 8], [8, 2]])
def test_layers_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: list[int]) -> None:
    plain = gguf.GGUFWriter.add_head_count_kv
    monkeypatch.setattr(gguf.GGUFWriter, "add_head_count_kv", lambda writer, _: plain(writer, each))
    path = write(tmp_path / "m.gguf", cut("qwen3-0.6b"), "Q8_0", hollow=True)
    if len(each) == 7:
        assert read_file(path).shape.kv_heads == tuple(each)
    else:
        with pytest.raises(UsageError, match="size for each layer"):
            read_file(path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[ImitationHub]:
    data = write(tmp_path / "m.gguf", cut("qwen3-0.6b", 3), "Q8_0").read_bytes()
    with ImitationHub("owner/model", {"m-Q8_0.gguf": data}) as hub:
        yield hub


def address(hub: ImitationHub) -> str:
    return f"{hub.url}/owner/model/resolve/{REVISION}/m-Q8_0.gguf?download=true"


def test_only_the_head_of_a_remote_file_is_fetched(hub: ImitationHub, tmp_path: Path) -> None:
    model = read_url(address(hub))
    assert model.shape == read_file(tmp_path / "m.gguf").shape
    assert model.name == "m-Q8_0"
    size = len(hub.files["m-Q8_0.gguf"])
    assert size > 40 << 20
    assert hub.sent <= 1 << 20
    assert model.size_bytes == size
    wanted = Wanted(1024, 1, 256, 0.7, 0, 50e9)
    (best, *_) = plans(from_gguf(model), wanted, [sized(8 << 30)])
    assert command(best)[1:3] == ["--model-url", address(hub)]


def test_reading_far_into_a_remote_file(hub: ImitationHub) -> None:
    data = hub.files["m-Q8_0.gguf"]
    with httpx.Client() as client:
        file = RemoteFile(client, address(hub))
        for place in (0, (1 << 20) - 3, 5 << 20, len(data) - 7):
            file.seek(place)
            assert file.read(10) == data[place : place + 10]
            assert file.tell() == min(place + 10, len(data))
    assert hub.sent <= 5 << 20


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"ranges": False}, "sends whole files only"),
        ({"content_range": "bytes 5-9/10"}, "something else"),
        ({"content_range": "bytes 0-1048575/*"}, "something else"),
        ({"content_range": "bytes 0-99/100"}, "bytes where 100 were due"),
        ({"status": 404}, "HTTP status 404"),
        ({"break_after": 1000}, "cannot be read"),
    ],
)
def test_a_server_that_misbehaves(hub: ImitationHub, fault: dict[str, object], says: str) -> None:
    for name, value in fault.items():
        setattr(hub, name, value)
    with pytest.raises(UsageError, match=says):
        read_url(address(hub))
    assert hub.sent <= 200 << 20


def test_a_remote_file_that_is_no_model(hub: ImitationHub) -> None:
    hub.files["m-Q8_0.gguf"] = b"<html>" + bytes(5000)
    with pytest.raises(UsageError, match="not a GGUF file"):
        read_url(address(hub))
    hub.files["m-Q8_0.gguf"] = b"GGUF" + bytes(4)
    with pytest.raises(UsageError, match=r"GGUF version 0|cut off"):
        read_url(address(hub))


def test_an_address_that_is_none() -> None:
    with pytest.raises(UsageError, match="http:// or https://"):
        read_url("file:///etc/passwd")


def test_a_truncated_file(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", cut("qwen3-0.6b"), "Q8_0", hollow=True)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    with pytest.raises(UsageError, match="is cut off"):
        read_file(path)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("llama.block_count", 0, "no decoder"),
        ("llama.block_count", 1 << 40, "no size"),
        ("llama.embedding_length", -1, "no size"),
        ("llama.embedding_length", "wide", "no size"),
        ("llama.attention.head_count", True, "no size"),
        ("llama.context_length", None, "does not say"),
        ("llama.attention.key_length", 0, "contradict"),
        ("llama.expert_count", 8, "contradict"),
        ("llama.expert_used_count", 1 << 20, "no size"),
        ("general.architecture", 7, "names no architecture"),
        ("llama.ssm.state_size", 16, "recurrent state"),
    ],
)
def test_a_header_that_makes_no_sense(key: str, value: object, says: str) -> None:
    values: dict[str, Any] = {
        "general.architecture": "llama",
        "llama.context_length": 64,
        "llama.block_count": 2,
        "llama.embedding_length": 8,
        "llama.attention.head_count": 2,
    }
    assert shape_of(values, {}, 32, {}).kv_heads == (2, 2)
    values[key] = value
    with pytest.raises(UsageError, match=says):
        shape_of({k: v for k, v in values.items() if v is not None}, {}, 32, {})
