"""What the doctor says of machine and engines, here and where something is missing."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from atlas.engine import survey as surveying
from atlas.engine.survey import survey
from atlas.sandbox.survey import Finding

Usage = namedtuple("Usage", "total used free")


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
