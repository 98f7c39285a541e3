"""``atlas check-model`` as a command."""

from __future__ import annotations

import json

from atlas_command import Atlas
from scripted_server import ScriptedServer


def test_a_model_that_only_talks_is_exit_status_1(atlas: Atlas, server: ScriptedServer):
    server.answer = lambda body, index: "I would rather not."
    asked = ("check-model", "--endpoint", server.url, "--times", 1)
    ended = atlas.run(*asked, "--json")
    found = json.loads(ended.out)
    assert ended.status == 1, ended.err
    assert found["usable"] is False
    assert {kind["usable"] for kind in found["kinds"] if kind["serves"] == "draft"} == {0.0}
    assert found["settings"]["max_tokens"] > 0
    shown = atlas.run(*asked)
    assert shown.status == 1
    assert "Not usable" in shown.out
    assert "\x1b" not in shown.out
    assert atlas.left_behind() == []


def test_bad_input_is_one_sentence(atlas: Atlas, server: ScriptedServer):
    for arguments in (("--suite", "nosuch"), ("--model", "nosuch.gguf"), ("--times", 0)):
        ended = atlas.run("check-model", *arguments)
        assert ended.status == 2
        assert "Traceback" not in ended.err
    assert "nosuch" in atlas.run("check-model", "--suite", "nosuch").last_words
