"""The command in folders of its own; a statement; a suite and a finished run that tests may read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "llm")]

from atlas_command import Atlas, adopting  # noqa: E402
from e2e_statements import EASY, ENDLESS, SMALL_FULL  # noqa: E402
from scripted_server import ScriptedServer  # noqa: E402


@pytest.fixture
def atlas(tmp_path: Path) -> Iterator[Atlas]:
    with adopting():
        yield Atlas(tmp_path)


@pytest.fixture
def easy(atlas: Atlas) -> Path:
    file = atlas.cwd / "easy.txt"
    file.write_text(EASY)
    return file


@pytest.fixture
def endless(atlas: Atlas) -> Path:
    file = atlas.cwd / "endless.txt"
    file.write_text(ENDLESS)
    return file


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@dataclass(frozen=True)
class FinishedRun:
    """A run of two arms over six problems, by the real engine; read it, don't write to it."""

    atlas: Atlas
    folder: Path
    html: Path
    table: dict[str, Any]
    shown: str

    @property
    def id(self) -> str:
        return self.folder.name


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    atlas = Atlas(tmp_path_factory.mktemp("finished"))
    made = atlas.run("bench", "make", "--seed", 5, "--problems", 6, "--name", "six")
    assert made.status == 0, made.err
    html = atlas.cwd / "report.html"
    ran = atlas.run("bench", "run", "six", "--arm", "single", "--arm", SMALL_FULL, "--html", html)
    assert ran.status == 0, ran.err
    (folder,) = (atlas.home / "runs").iterdir()
    table = atlas.run("bench", "show", folder.name, "--json")
    assert table.status == 0, table.err
    return FinishedRun(atlas, folder, html, json.loads(table.out), ran.out)
