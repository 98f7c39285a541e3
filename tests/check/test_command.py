"""The command around a check, with the check itself left out."""

from __future__ import annotations

import importlib
import json
import shlex

import pytest
from click.testing import CliRunner

from atlas.check.findings import Asked, Findings, KindFinding, Speed
from atlas.cli.check_model import check_model
from atlas.llm.types import Capabilities, Sampling

LONG_THOUGHT = Asked(True, True, tokens=1200, prompt_tokens=200, thought=4 * 1024)
SEEN = Findings(
    Capabilities("scripted", "thinker", context=2048, thinking="tags"),
    (KindFinding("draft", "draft", "", (LONG_THOUGHT,)), KindFinding("thinking", "thinking", "", (LONG_THOUGHT,))),
    Speed(),
    512,
    Sampling(),
    1024,
)


async def _seen(_: object) -> Findings:
    return SEEN


def test_thoughts_longer_than_the_context_lose_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("atlas.cli.check_model"), "_check", _seen)
    ended = CliRunner().invoke(
        check_model, ["--context", "2048", "--max-tokens", "512", "--temperature", "0.25", "--json"]
    )
    assert ended.exception is None, ended.output
    found = json.loads(ended.output)
    assert found["settings"]["thinking"] == 2048
    assert found["settings"]["sampling"]["temperature"] == 0.25
    words = shlex.split(found["next"])
    said = {name: int(words[words.index(name) + 1]) for name in ("--context", "--max-tokens", "--thinking")}
    assert said["--max-tokens"] + said["--thinking"] < said["--context"]
