"""``atlas solve --endpoint`` against a server that does what it is told, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from atlas_command import Atlas
from scripted_server import ScriptedServer

KEY = "sk-a-key-that-must-not-be-kept-0123456789"
RIGHT = "```python\ndef solve(nums: list[int]) -> list[int]:\n    return [x for x in nums if x % 2 == 0]\n```"


def right(body: Mapping[str, Any], index: int) -> str:
    return RIGHT


def everything_in(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


@pytest.mark.parametrize("variable", ["ATLAS_API_KEY", "OPENAI_API_KEY"])
def test_the_key_is_used_and_never_kept(atlas: Atlas, easy: Path, server: ScriptedServer, variable: str):
    server.answer, server.key = right, KEY
    ended = atlas.run(
        "solve", easy, "--endpoint", server.url, "--model", "scripted", "--save", "kept", **{variable: KEY}
    )
    assert ended.status == 0, ended.err
    assert f"Bearer {KEY}" in server.keys
    assert {body["model"] for body in server.requests} == {"scripted"}
    assert b"keep only the even" in everything_in(atlas.folder / "cwd" / "kept")
    assert KEY.encode() not in everything_in(atlas.folder)
    assert KEY not in ended.out + ended.err
    assert atlas.left_behind() == []


def test_a_wrong_key_is_not_repeated_on_the_screen(atlas: Atlas, easy: Path, server: ScriptedServer):
    server.key = "another"
    ended = atlas.run("solve", easy, "--endpoint", server.url, "--model", "scripted", ATLAS_API_KEY=KEY)
    assert ended.status == 2
    assert KEY not in ended.out + ended.err
    assert "ATLAS_API_KEY" in ended.last_words


@pytest.mark.parametrize("handling", ["ignored", "rejected"])
def test_a_server_without_n_is_asked_several_times(atlas: Atlas, easy: Path, server: ScriptedServer, handling: Any):
    server.answer, server.n = right, handling
    ended = atlas.run("solve", easy, "--endpoint", server.url, "--model", "scripted", "--json")
    answer = json.loads(ended.out)
    assert ended.status == 0
    assert answer["evidence"][0] == "passes 2 of 2 examples"
    assert answer["evidence"][1].startswith("4 of 4 drafts agree")
    assert sum("keep only" in str(body["messages"]) for body in server.requests) >= 4
    assert any("parallel" in note for note in answer["warnings"])


def test_nothing_usable_is_exit_status_1(atlas: Atlas, easy: Path, server: ScriptedServer):
    server.answer = lambda body, index: "I would rather not."
    ended = atlas.run("solve", easy, "--endpoint", server.url, "--model", "scripted", "--save", "kept")
    assert ended.status == 1
    assert ended.out == ""
    assert "no program" in ended.err
    assert not (atlas.cwd / "kept" / "program.py").exists()
    assert json.loads((atlas.cwd / "kept" / "answer.json").read_text())["reasons"]


def test_a_deadline_hands_over_what_came_before_it(atlas: Atlas, easy: Path, server: ScriptedServer):
    stop = threading.Event()

    def slow_when_sampled(body: Mapping[str, Any], index: int) -> str:
        if body.get("temperature") and "solve(" in str(body["messages"]):
            stop.wait(60)
        return RIGHT

    server.answer = slow_when_sampled
    try:
        ended = atlas.run("solve", easy, "--endpoint", server.url, "--model", "scripted", "--deadline", "5s", "--json")
    finally:
        stop.set()
    answer = json.loads(ended.out)
    assert ended.status == 0
    assert "passes 2 of 2 examples" in answer["evidence"]
    assert any("deadline" in reason for reason in answer["reasons"])
    assert atlas.left_behind() == []


def test_a_hostile_server_cannot_draw_on_the_terminal(
    atlas: Atlas, easy: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
):
    """What is said about replies and refusals may not command the terminal."""
    command = "\x1b]0;owned\x07\x9b31m"
    server.answer = lambda body, index: f"```python\nraise ValueError({command!r})\n```"
    server.model = f"scripted{command}"
    answered = atlas.run("solve", easy, "--endpoint", server.url)
    monkeypatch.setattr(server, "refusal", lambda body: f"I refuse {command}")
    refused = atlas.run("solve", easy, "--endpoint", server.url)
    assert refused.status == 2
    assert "I refuse" in refused.err
    for ended in (answered, refused):
        assert not set("\x1b\x07\x9b") & set(ended.err)
