"""The command as a process, from the end-to-end tests, and a server that does what a test tells it to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "llm"), str(TESTS / "engine")]

from atlas_command import Atlas  # noqa: E402
from e2e_statements import EASY  # noqa: E402
from scripted_server import ScriptedServer  # noqa: E402


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    return Atlas(tmp_path)


@pytest.fixture
def easy(atlas: Atlas) -> Path:
    file = atlas.cwd / "easy.txt"
    file.write_text(EASY)
    return file


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server
