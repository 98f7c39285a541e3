"""What the doctor says of machine and engines, here and where something is missing."""

from __future__ import annotations

import shutil
import socket
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from atlas.engine import survey as surveying
from atlas.engine.listening import listening
from atlas.engine.survey import survey
from atlas.sandbox.survey import Finding

sys.path.insert(0, str(Path(__file__).parents[1] / "llm"))

from scripted_server import ScriptedServer

Usage = namedtuple("Usage", "total used free")


async def test_a_server_that_runs_already() -> None:
    with ScriptedServer() as server, socket.create_server(("127.0.0.1", 0)) as silent:
        quiet, port = silent.getsockname()[1], int(server.url.rpartition(":")[2])
        with socket.create_server(("127.0.0.1", 0)) as closing:
            gone = closing.getsockname()[1]
        (line,) = await listening([gone, quiet, port])
        assert line.ok
        assert line.text == f"{server.model}: use it with --endpoint http://127.0.0.1:{port}"
        (nothing,) = await listening([gone])
        assert "none on the ports" in nothing.text


def found() -> dict[str, Finding]:
    return {f.name: f for f in survey()}


def test_this_machine() -> None:
    lines = found()
    assert set(lines) == {"processor", "memory", "disk", "card", "embedded", "llama-server"}
    assert all(f.text and bool(f.remedy) != f.ok for f in lines.values())
    assert "GB/s" in lines["memory"].text
    assert lines["embedded"].text.startswith("xllamacpp ")


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 1 << 30))
    assert "ATLAS_HOME" in found()["disk"].remedy


@pytest.mark.parametrize(
    ("info", "ok"),
    [
        ("flags\t\t: fpu sse avx avx2 avx512f\n", True),
        ("Features\t: fp asimd sve\n", True),
        ("flags\t\t: fpu sse avx\n", False),
        ("", True),  # it does not say: the engine will
    ],
)
def test_processors(tmp_path: Path, info: str, ok: bool) -> None:
    (tmp_path / "cpuinfo").write_text(info)
    assert surveying._processor(tmp_path / "cpuinfo").ok is ok


def test_a_llama_server_that_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_LLAMA_SERVER", str(tmp_path / "none"))
    assert "names no executable" in found()["llama-server"].remedy


def test_a_card_without_an_engine_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA GeForce RTX 4090, 24564'\n")
    tool.chmod(0o755)
    monkeypatch.delenv("ATLAS_LLAMA_SERVER", raising=False)
    lines = found()
    assert lines["card"].text == "NVIDIA GeForce RTX 4090, 24.0 GiB"
    assert "CPU build" in lines["llama-server"].remedy
