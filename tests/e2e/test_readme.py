"""Every command that the README shows exists, has the options it is shown with, and works."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from atlas_command import Atlas
from e2e_run import FinishedRun
from e2e_statements import EASY
from page_blocks import commands, subcommand
from scripted_server import ScriptedServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

SMALL = {
    ("bench", "run"): ["--limit", "1"],
    ("bench", "make"): ["--problems", "6"],
    ("demo",): ["--problems", "2"],
    ("check-model",): ["--times", "1"],
}
"""Added to a command so that it is soon done; the last one given counts."""


COMMANDS = commands(README)
OURS = [words for words in COMMANDS if words[0] == "atlas"]


def shown(words: list[str]) -> str:
    return re.sub(r"\W+", "-", " ".join(words))[:60]


def test_the_readme_has_commands_and_nothing_but_ours():
    assert {words[0] for words in COMMANDS} == {"make", "atlas"}
    assert next(words[1] for words in OURS) == "check-model"
    assert {("check-model",), ("solve",)} <= {subcommand(words) for words in OURS}
    assert {words[2] for words in OURS if words[1] == "bench"} >= {"list", "make", "import", "run", "show", "audit"}


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "make"], ids=shown)
def test_make_has_the_target(words: list[str]):
    makefile = (ROOT / "Makefile").read_text()
    for target in words[1:]:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("words", OURS, ids=shown)
def test_its_options_are_in_the_help(atlas: Atlas, words: list[str]):
    ended = atlas.run(*subcommand(words), "--help")
    assert ended.status == 0
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"{re.escape(word)}\b", ended.out), f"{word} is no option of {subcommand(words)}"


@pytest.mark.parametrize("mentioned", sorted(set(re.findall(r"`atlas ([a-z-]+(?: [a-z]+)?)", README))))
def test_a_command_in_the_text_exists(atlas: Atlas, mentioned: str):
    assert atlas.run(*mentioned.split(), "--help").status == 0


@pytest.fixture
def place(atlas: Atlas, finished: FinishedRun, server: ScriptedServer, humaneval_like: Path) -> Mapping[str, str]:
    """What stands in for the README's placeholders, lying where its commands are run."""
    from atlas.engine.nano import model_path

    def right(body: Mapping[str, Any], index: int) -> str:
        return "```python\ndef solve(nums: list[int]) -> list[int]:\n    return [x for x in nums if x % 2 == 0]\n```"

    server.answer = right
    (atlas.cwd / "problem.txt").write_text(EASY)
    assert humaneval_like == atlas.cwd / "HumanEval.jsonl.gz"
    return {
        "RUN": str(finished.folder),
        "NAME": server.model,
        "http://localhost:8080": server.url,
        "~/models/your-model.gguf": str(model_path()),
    }


@pytest.mark.parametrize("words", OURS, ids=shown)
def test_it_works(atlas: Atlas, place: Mapping[str, str], finished: FinishedRun, words: list[str]):
    arguments = [place.get(word, word) for word in words[1:]] + SMALL.get(subcommand(words), [])
    # A run is shown by the home that knows its suite.
    home = finished.atlas.home if "RUN" in words else atlas.home
    ended = atlas.run(*arguments, ATLAS_HOME=str(home))
    # What stands in for a user's model knows nothing of what it is checked with, and is told so.
    assert ended.status in ({0, 1} if words[1] == "check-model" else {0}), ended.err
    assert "Traceback" not in ended.err
    assert ended.out
    for option in ("--save", "--html"):
        if option in words:
            assert (atlas.cwd / words[words.index(option) + 1]).exists()
    assert atlas.left_behind() == []
