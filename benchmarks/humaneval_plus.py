"""HumanEval+ by our sandbox: programs run apart, outputs compared outside by evalplus's own rules."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas.compare.rules import Rule, equal
from atlas.problem import Call
from atlas.sandbox import Limits, Observation, Program, Sandbox, Status

LIMITS = Limits(cpu_s=1.0, wall_s=60.0, memory_mb=1024, output_bytes=16 << 20)


@dataclass(frozen=True)
class Task:
    """One problem: its inputs and what its canonical solution makes of them."""

    id: str
    entry: str
    canonical: str
    inputs: tuple[tuple[Any, ...], ...]
    atol: float


@dataclass(frozen=True)
class Verdict:
    """Whether a program passes; if not, at which input and how."""

    passed: bool
    index: int | None = None
    status: Status = Status.OK
    expected: Any = None
    actual: Any = None


def load(file: Path) -> list[Task]:
    """Read a file in evalplus's format."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Task(
            row["task_id"],
            row["entry_point"],
            row["prompt"] + row["canonical_solution"],
            tuple(map(tuple, [*row["base_input"], *row["plus_input"]])),
            row["atol"],
        )
        for row in rows
    ]


async def run(sandbox: Sandbox, task: Task, code: str) -> tuple[Observation, ...]:
    """Run a program on all inputs of a task."""
    return await sandbox.run(Program(code, task.entry), [Call(i) for i in task.inputs], LIMITS)


async def judge(sandbox: Sandbox, task: Task, code: str, expected: list[Any]) -> Verdict:
    """Say whether a program passes; it is not run on what is left after its first failure."""
    program = Program(code, task.entry)
    start = 0
    while start < len(task.inputs):
        # Twice as many each time: most wrong programs fail at once, and one that loops would loop on each.
        calls = [Call(i) for i in task.inputs[start : 2 * start + 1]]
        for index, seen in enumerate(await sandbox.run(program, calls, LIMITS), start):
            if seen.status is not Status.OK:
                return Verdict(False, index, seen.status, expected[index])
            if not agrees(task, task.inputs[index], expected[index], seen.value):
                return Verdict(False, index, seen.status, expected[index], seen.value)
        start += len(calls)
    return Verdict(True)


def agrees(task: Task, arguments: tuple[Any, ...], expected: Any, actual: Any) -> bool:
    """evalplus's rule: ``==``; or, with a tolerance, the same outermost type and every number near.

    Floats always have a tolerance; and of a polynomial any zero will do.
    """
    if task.entry == "find_zero":
        return _is_number(actual) and abs(_polynomial(arguments[0], actual)) <= task.atol
    atol = task.atol or (1e-6 if _floats(expected) else 0.0)
    if equal(expected, actual, Rule("python_eq")):
        return True
    return atol > 0 and type(expected) is type(actual) and equal(expected, actual, Rule("float", atol))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _polynomial(coefficients: list[float], x: float) -> float:
    return sum(c * x**power for power, c in enumerate(coefficients))


def _floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)
