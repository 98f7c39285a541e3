"""Answers as their reader wants them: a LeetCode solution without its adapter, what was done, how sure each test is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from atlas_command import Atlas
from scripted_server import ScriptedServer

STATEMENT = """Reverse a linked list and return its new head.

class Solution:
    def reverseList(self, head: Optional[ListNode]) -> Optional[ListNode]:

Example 1:
Input: head = [1,2,3]
Output: [3,2,1]
"""
REPLY = """```python
class Solution:
    def reverseList(self, head: Optional[ListNode]) -> Optional[ListNode]:
        before = None
        while head:
            head.next, before, head = before, head, head.next
        return before
```"""


def test_the_adapter_is_not_shown(atlas: Atlas, server: ScriptedServer):
    server.answer = lambda body, index: REPLY
    asked = ("solve", "-", "--endpoint", server.url, "--strategy", "single")
    ended = atlas.run(*asked, input=STATEMENT)
    assert ended.status == 0, ended.err
    assert "class Solution" in ended.out
    assert "_atlas" not in ended.out
    assert "passes 1 of 1 example" in ended.err

    ended = atlas.run(*asked, "--json", "--save", "kept", input=STATEMENT)
    answer = json.loads(ended.out)
    assert "_atlas" not in answer["code"]
    assert answer["runnable"].startswith(answer["code"].rstrip())
    assert "_atlas_adapted('reverseList'" in answer["runnable"]
    assert (atlas.cwd / "kept" / "program.py").read_text() == answer["code"]


def test_the_phases_that_ran_are_told(atlas: Atlas, server: ScriptedServer):
    server.answer = lambda body, index: REPLY
    asked = ("solve", "-", "--endpoint", server.url, "--strategy", "best-of-n:n=2")
    assert "phase 1: draft, inputs (" in atlas.run(*asked, input=STATEMENT).err
    answer = json.loads(atlas.run(*asked, "--json", input=STATEMENT).out)
    (first,) = answer["rounds"]
    assert (first["phase"], first["moves"]) == (1, ["draft", "inputs"])
    assert first["generated_tokens"] == answer["usage"]["generated_tokens"] > 0
    assert first["leader"].startswith("draft-")


DOUBLE = "def double(x: int) -> int:\n    return 2 * x"
CHECKED = """name = "checked"
description = "Drafts and checks."
[[rounds]]
[[rounds.steps]]
move = "draft"
n = 2
[[rounds.steps]]
move = "inputs"
[[rounds]]
phase = 3
[[rounds.steps]]
move = "self_tests"
inputs = 2
samples = 2
"""


def test_each_written_test_comes_with_its_probability(atlas: Atlas, server: ScriptedServer):
    def reply(body: Mapping[str, Any], index: int) -> str:
        asked = re.findall(r"^double\((-?\d+)\)", body["messages"][-1]["content"], re.MULTILINE)
        claims = "\n".join(f"assert double({x}) == {2 * int(x) + place * index}" for place, x in enumerate(asked))
        return f"```python\n{claims or DOUBLE}\n```"

    server.answer = reply
    (atlas.cwd / "checked.toml").write_text(CHECKED)
    statement = "Return twice x.\n\ndef double(x: int) -> int:\n"
    asked = ("solve", "-", "--endpoint", server.url, "--strategy", "checked.toml", "--json")
    answer = json.loads(atlas.run(*asked, input=statement).out)
    sure, right, wrong = answer["tests"]
    assert (sure["votes"], right["votes"], wrong["votes"]) == (2, 1, 1)
    assert {test["voters"] for test in answer["tests"]} == {2}
    assert sure["probability"] > right["probability"] > 0.5 > wrong["probability"] > 0
    assert re.fullmatch(r"assert double\(-?\d+\) == -?\d+", sure["test"])
