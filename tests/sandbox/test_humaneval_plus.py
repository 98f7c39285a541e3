"""HumanEval+'s own solutions pass, and a mutant that is judged wrong is one: seen by running both side by side.

Whether evalplus judges all mutants as we do is measured by ``benchmarks/sandbox_parity.py``.
"""

from __future__ import annotations

import ast
import os
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.humaneval_plus import Task, agrees, judge, load, run
from benchmarks.mutants import mutants

from atlas.sandbox import Sandbox, Status

EVERY = 12
"""One in so many problems: the rest is for the benchmark."""


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    root = os.environ.get("ATLAS_TEST_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
    file = Path(root) / "HumanEvalPlus-Mini.jsonl.gz"
    if not file.is_file():
        pytest.skip(f"needs HumanEvalPlus-Mini.jsonl.gz in {root} (set ATLAS_TEST_DATA)")
    return load(file)[::EVERY]


async def test_solutions_pass_and_wrong_mutants_differ(tasks: list[Task]):
    judged: list[bool] = []
    async with await Sandbox.start(1) as sandbox:
        for number, task in enumerate(tasks):
            right = await run(sandbox, task, task.canonical)
            assert {s.status for s in right} == {Status.OK}, task.id
            expected = [s.value for s in right]
            assert (await judge(sandbox, task, task.canonical, expected)).passed, task.id
            for code in mutants(task.canonical, 3, number):
                verdict = await judge(sandbox, task, code, expected)
                judged.append(verdict.passed)
                if verdict.passed:
                    continue
                # Once more on that input alone, in a process of its own: the same end, and not the solution's.
                (again,) = await run(sandbox, replace(task, inputs=(task.inputs[verdict.index],)), code)
                assert again.status is verdict.status, (task.id, code)
                assert again.status is not Status.OK or repr(again.value) != repr(expected[verdict.index])
    assert 0 < sum(judged) < len(judged) / 2


RULES = [
    ("exactly equal", 0, [1, 2], [1, 2], True),
    ("True is 1", 0, True, 1, True),
    ("a list is no tuple", 0, [1], (1,), False),
    ("1.0 is 1", 0, 1.0, 1, True),
    ("floats are near without being asked", 0, 0.3, 0.1 + 0.2, True),
    ("lists of floats too", 0, [0.3, 1.0], [0.1 + 0.2, 1.0], True),
    ("but not an int that is near a float", 1e-6, 1.0000001, 1, False),
    ("nor a list of another length", 1e-6, [1.0], [1.0, 2.0], False),
    ("nor text", 1e-6, "a", "b", False),
    ("not a number agrees with itself, where evalplus says no", 0, float("nan"), float("nan"), True),
]


@pytest.mark.parametrize(("atol", "expected", "actual", "same"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
def test_the_rule_is_evalplus_s(atol: float, expected: object, actual: object, same: bool):
    assert agrees(Task("t", "f", "", (), atol), (), expected, actual) is same


def test_any_zero_of_a_polynomial_will_do():
    task = Task("t", "find_zero", "", (), 1e-4)
    assert agrees(task, ([-1, 0, 1],), 1.0, -1.0)
    assert not agrees(task, ([-1, 0, 1],), 1.0, 0.5)
    assert not agrees(task, ([-1, 0, 1],), 1.0, None)


def test_mutants_are_other_programs_and_the_same_for_the_same_seed():
    code = "def f(a, b=2):\n    if a > b and a:\n        return a + 1\n    x = a * b\n    return x - 3\n"
    made = mutants(code, 10, 1)
    assert len({ast.unparse(ast.parse(m)) for m in (code, *made)}) == 11
    assert made == mutants(code, 10, 1) != mutants(code, 10, 2)
    assert mutants("pass", 10, 1) == []
