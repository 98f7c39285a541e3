"""How replies are drawn: as the command line says, else as the model's makers recommend; and what is shown of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from atlas_command import Atlas, Ended
from scripted_server import ScriptedServer

RIGHT = "```python\ndef solve(nums: list[int]) -> list[int]:\n    return [x for x in nums if x % 2 == 0]\n```"
TWO = ("--strategy", "best-of-n:n=2")


@pytest.fixture
def qwen(server: ScriptedServer) -> ScriptedServer:
    server.model = "Qwen/Qwen3-14B"
    server.answer = lambda body, index: RIGHT
    return server


def asked(server: ScriptedServer) -> list[Mapping[str, Any]]:
    """The search's requests that were not greedy."""
    return [b for b in server.requests if "Signature" in str(b) or "even" in str(b) if b.get("temperature")]


def solved(atlas: Atlas, server: ScriptedServer, easy: Path, *more: object) -> dict[str, Any]:
    ended = atlas.run("solve", easy, "--endpoint", server.url, *TWO, "--json", *more)
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_a_familys_card_is_used_without_a_word(atlas: Atlas, qwen: ScriptedServer, easy: Path):
    answer = solved(atlas, qwen, easy)
    assert {(b["temperature"], b["top_p"], b["top_k"]) for b in asked(qwen)} == {(0.7, 0.8, 20)}
    assert answer["sampling"]["source"].startswith("from the card of Qwen3: https://")


def test_options_come_first(atlas: Atlas, qwen: ScriptedServer, easy: Path):
    answer = solved(atlas, qwen, easy, "--temperature", 0.3, "--max-tokens", 777)
    assert {(b["temperature"], b["top_p"], b["max_tokens"]) for b in asked(qwen)} == {(0.3, 0.8, 777)}
    assert answer["sampling"]["source"].startswith("as asked; the rest from the card")
    assert answer["max_tokens"] == 777
    assert not any("does not think" in w for w in answer["warnings"])


def test_a_run_is_asked_in_the_same_way(atlas: Atlas, qwen: ScriptedServer):
    arms = ("--arm", "best-of-n:n=2", "--limit", 1, "--top-p", 0.5, "--thinking", 64)
    ended = atlas.run("bench", "run", "smallworld", "--endpoint", qwen.url, *arms)
    assert ended.status == 0, ended.err
    drawn = {(b["temperature"], b["top_p"]) for b in qwen.requests if b.get("temperature", 0) == 0.6}
    assert drawn == {(0.6, 0.5)}  # with a thought the card has another temperature
    assert "as asked; the rest from the card of Qwen3" in ended.err
    assert "does not think" in ended.err
    (manifest,) = (atlas.home / "runs").glob("*/run.json")
    spec = json.loads(manifest.read_text())["spec"]
    assert (spec["thinking"]["budget"], spec["sampling"]["top_p"]) == (64, 0.5)


@pytest.mark.parametrize(("arm", "warned"), [("thinking-only", True), ("single", False)])
def test_an_arm_that_thinks_says_when_the_model_does_not(atlas: Atlas, qwen: ScriptedServer, arm: str, warned: bool):
    ended = atlas.run("bench", "run", "smallworld", "--endpoint", qwen.url, "--arm", arm, "--limit", 1)
    assert ended.status == 0, ended.err
    assert ("does not think" in ended.err) is warned


def test_a_thought_is_bounded(atlas: Atlas, qwen: ScriptedServer, easy: Path):
    qwen.thought, qwen.switch = "hm " * 500, "yes"
    answer = solved(atlas, qwen, easy, "--thinking", 50)
    assert answer["thinking"] == 50
    assert answer["warnings"] == [w for w in answer["warnings"] if "does not think" not in w]
    assert {b["temperature"] for b in asked(qwen)} == {0.6}
    assert 50 in {b["max_tokens"] for b in asked(qwen)}


def test_the_checks_next_command_works_as_it_stands(atlas: Atlas, qwen: ScriptedServer, easy: Path):
    ended = atlas.run("check-model", "--endpoint", qwen.url, "--times", 1, "--max-tokens", 900, "--json")
    assert ended.status == 0, ended.err
    words = shlex.split(json.loads(ended.out)["next"])
    assert words[:3] == ["atlas", "solve", "problem.txt"]
    for option, value in (("--temperature", "0.7"), ("--top-p", "0.8"), ("--endpoint", qwen.url)):
        assert words[words.index(option) + 1] == value
    (atlas.cwd / "problem.txt").write_text(easy.read_text())
    assert atlas.run(*words[1:]).status == 0


def refused(ended: Ended, *said: str) -> None:
    assert ended.status == 2
    assert "Traceback" not in ended.err
    assert ended.out == ""
    for words in said:
        assert words in ended.last_words


@pytest.mark.parametrize(
    ("option", "value"),
    [("--temperature", "nan"), ("--temperature", "2.1"), ("--temperature", "-1"), ("--temperature", "hot"),
     ("--top-p", "0"), ("--top-p", "1.5"), ("--top-p", "inf"), ("--max-tokens", "0"), ("--thinking", "-1"),
     ("--thinking", "long")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(atlas: Atlas, easy: Path, option: str, value: str):
    refused(atlas.run("solve", easy, f"{option}={value}"), option)
    refused(atlas.run("bench", "run", "smallworld", f"{option}={value}"), option)
    refused(atlas.run("check-model", f"{option}={value}"), option)


def test_no_room_for_a_prompt(atlas: Atlas, easy: Path):
    for words in (("solve", easy), ("bench", "run", "smallworld"), ("check-model",)):
        refused(atlas.run(*words, "--context", 512, "--max-tokens", 300, "--thinking", 300), "512", "--context")


def test_what_a_server_decides_is_not_asked_of_it(atlas: Atlas, easy: Path):
    for more in (("--context", 512), ("--threads", 2), ("--server", "embedded")):
        refused(atlas.run("solve", easy, "--endpoint", "http://localhost:1", *more), more[0])
