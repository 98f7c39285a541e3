"""Verdicts: forged values, limits, lost boxes, and the rules that suites compare by."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from atlas.bench.judge import ATTEMPTS, judge
from atlas.bench.keys import HiddenTest, Key
from atlas.compare.rules import Rule
from atlas.problem import Call, FunctionProblem, Signature, Stdin, StdinProblem
from atlas.sandbox import Observation, Sandbox, Status

F = FunctionProblem("p", "say", Signature("f"))


@pytest_asyncio.fixture(loop_scope="function")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with await Sandbox.start(1) as running:
        yield running


def key(expected: object, rule: Rule = Rule("python_eq")) -> Key:  # noqa: B008  (frozen)
    return Key("p", rule, tuple(HiddenTest(Call((i,)), expected) for i in range(5)))


ALWAYS = "class D(dict):\n    def __eq__(self, other): return True\n    __hash__ = None\n"


@pytest.mark.parametrize(
    ("code", "expected", "outcome"),
    [
        ("from collections import Counter\ndef f(x): return Counter('aa')", {"a": 2}, "pass"),
        (
            "from collections import namedtuple\nP = namedtuple('P', 'a b')\ndef f(x): return [P(1, 2)]",
            [(1, 2)],
            "pass",
        ),
        ("import enum\nclass E(enum.IntEnum):\n    A = 1\ndef f(x): return E.A", 1, "pass"),
        ("def f(x): return 1.0", True, "pass"),
        (f"{ALWAYS}def f(x): return D()", {"a": 2}, "fail"),
        ("class A:\n    def __eq__(self, o): return True\ndef f(x): return A()", 3, "fail"),
        ("import os\ndef f(x): os._exit(0)", None, "fail"),
        ("import sys\ndef f(x): sys.exit(0)", None, "fail"),
        ("def f(x): return 3 if x < 4 else 4", 3, "fail"),
        ("n = 0\ndef f(x):\n    global n\n    n += 1\n    return n", 1, "pass"),
        ("def g(x): return 3", 3, "fail"),
        ("def f(x):\n    while True: pass", 3, "limit"),
    ],
)
async def test_verdicts(sandbox: Sandbox, code: str, expected: object, outcome: str, monkeypatch: pytest.MonkeyPatch):
    from atlas.bench import judge as room
    from atlas.sandbox import Limits

    monkeypatch.setattr(room, "LIMITS", Limits(cpu_s=0.5, wall_s=20.0))
    assert (await judge(sandbox, F, key(expected), code)).outcome == outcome


async def test_exact_types_and_tokens(sandbox: Sandbox):
    assert (await judge(sandbox, F, key(True, Rule("exact")), "def f(x): return 1")).outcome == "fail"
    script = StdinProblem("p", "say")
    tests = (HiddenTest(Stdin("3 4\n"), "7\n"),)
    right = "print(' ', sum(map(int, input().split())))"
    assert (await judge(sandbox, script, Key("p", Rule("stdout"), tests), right)).outcome == "pass"
    assert (await judge(sandbox, script, Key("p", Rule("stdout"), tests), "print(8)")).outcome == "fail"


async def test_a_box_that_fails_gives_no_verdict():
    class Broken:
        calls = 0

        async def run(self, program, inputs, limits, *, fresh):
            self.calls += 1
            return tuple(Observation(Status.INFRASTRUCTURE, error="gone") for _ in inputs)

    broken = Broken()
    verdict = await judge(broken, F, key(3), "def f(x): return 3")
    assert (verdict.outcome, verdict.detail) == ("lost", "gone")
    assert broken.calls == ATTEMPTS
