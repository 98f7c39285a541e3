"""One program against one answer key: the verdict.

The program sees inputs only; its outputs are compared here, in the grader's process, as plain data. A
check that is arbitrary code runs in a box of its own beside the program's (``Sandbox.run_check``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from atlas.bench.keys import HiddenTest, Key
from atlas.compare.rules import equal
from atlas.problem import FunctionProblem, Problem
from atlas.sandbox import Limits, Observation, Program, Sandbox, Status

LIMITS = Limits(cpu_s=5.0, wall_s=60.0, memory_mb=1024)
"""More than a search gives its candidates: a right answer must not fail on a slow machine."""

ATTEMPTS = 3
"""Tries when the sandbox itself fails."""

_STAGES = (1, 3)
"""Tests run first, in order: a wrong program usually fails at once, so that most executions are saved."""

_LIMITS_HIT = frozenset({Status.CPU_LIMIT, Status.WALL_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT})


_AS_BUILT_IN = """
def _atlas_plain(function):
    def plain(value):
        if isinstance(value, dict):
            return {plain(k): plain(v) for k, v in dict.items(value)}
        for base in (list, tuple, set, frozenset):
            if isinstance(value, base):
                return base(plain(item) for item in base.__iter__(value))
        for base in (bool, int, float, complex, bytes):
            if isinstance(value, base):
                return value if type(value) is base else base.__new__(base, value)
        return str.__str__(value) if isinstance(value, str) else value
    return lambda *args: plain(function(*args))
"""
"""Runs in the program's own process: what it returns there is the program's claim in any case."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``detail`` says how a failure ended (wrong output, exception, ...) and never shows a hidden test.

    ``lost`` means that the sandbox failed: the program has no verdict.
    """

    outcome: Literal["pass", "fail", "limit", "lost"]
    detail: str = ""


async def judge(sandbox: Sandbox, problem: Problem, key: Key, code: str) -> Verdict:
    """Grade ``code`` by ``key``. Every hidden input is run in a fresh process."""
    program = Program(code, problem.signature.name if isinstance(problem, FunctionProblem) else None)
    verdict = Verdict("lost", "not tried")
    for _ in range(ATTEMPTS):
        verdict = await _once(sandbox, program, key)
        if verdict.outcome != "lost":
            break
    return verdict


async def _once(sandbox: Sandbox, program: Program, key: Key) -> Verdict:
    if key.check_code:
        return _verdict(await sandbox.run_check(program, key.check_code, LIMITS))
    start = 0
    for stage in (*_STAGES, len(key.tests)):
        tests = key.tests[start : start + stage]
        start += stage
        inputs = [t.input for t in tests]
        observed = await sandbox.run(program, inputs, LIMITS, fresh=True)
        if key.rule.kind == "python_eq" and any(o.status is Status.BAD_VALUE for o in observed):
            observed = await sandbox.run(_plain(program), inputs, LIMITS, fresh=True)
        for verdict in _compared(tests, observed, key):
            if verdict.outcome != "pass":
                return verdict
    return Verdict("pass")


def _plain(program: Program) -> Program:
    """The program with subclasses of built-in types (Counter, namedtuple, IntEnum) returned as those types.

    Python's ``==``, which is the rule here, does not tell them apart; their own ``__eq__`` is never asked.
    """
    return Program(f"{program.code}\n{_AS_BUILT_IN}\n{program.entry} = _atlas_plain({program.entry})\n", program.entry)


def _compared(tests: Sequence[HiddenTest], observed: Sequence[Observation], key: Key) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for test, observation in zip(tests, observed, strict=True):
        verdict = _verdict(observation)
        if verdict.outcome == "pass":
            actual = observation.stdout if key.rule.kind == "stdout" else observation.value
            if not equal(test.expected, actual, key.rule):
                verdict = Verdict("fail", "wrong output")
        verdicts.append(verdict)
    return verdicts


def _verdict(observation: Observation) -> Verdict:
    """What the way an execution ended decides by itself; ``pass`` still has to be compared."""
    if observation.status is Status.OK:
        return Verdict("pass")
    if observation.status is Status.INFRASTRUCTURE:
        return Verdict("lost", observation.error)
    return Verdict("limit" if observation.status in _LIMITS_HIT else "fail", observation.status.value)
