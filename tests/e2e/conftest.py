"""The command in folders of its own; a statement; a suite and a finished run that tests may read."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "llm")]

from atlas_command import Atlas, adopting  # noqa: E402
from e2e_run import FinishedRun  # noqa: E402
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


@pytest.fixture
def humaneval_like(atlas: Atlas) -> Path:
    """Two problems in HumanEval's format."""
    rows = [
        {
            "task_id": f"Like/{name}",
            "prompt": f'def {name}(x: int) -> int:\n    """ Return {what}.\n    >>> {name}(3)\n    {shown}\n    """\n',
            "entry_point": name,
            "canonical_solution": f"    return {body}\n",
            "test": f"def check(candidate):\n    assert candidate(5) == {hidden}\n",
        }
        for name, what, shown, body, hidden in (
            ("twice", "twice x", 6, "2 * x", 10),
            ("square", "x times x", 9, "x * x", 25),
        )
    ]
    file = atlas.cwd / "HumanEval.jsonl.gz"
    file.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return file


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
