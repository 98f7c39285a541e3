"""Programs with a known truth: made from the small world's pipelines, and from HumanEval where its file is given."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from atlas.bench.suites.humaneval import HumanEvalRow, key_of
from atlas.bench.world.pipeline import Pipeline, draw
from atlas.bench.world.program import Style, program
from atlas.bench.world.tasks import Task, draw_task
from atlas.problem import Call
from sandbox_peers.case import Case

_SEED = "sandbox"
_KINDS = ("correct", "correct", "wrong", "raising")
"""Of the programs without loops, in turn."""
_CANDIDATES, _CANDIDATE_INPUTS = 8, 12
_LOOPS, _DUPLICATES = 0.05, 0.25
"""Chances; some candidates come out the same by themselves, so that a third of all are duplicates."""


def single(problems: int, inputs: int = 5) -> list[Case]:
    """One program a problem, none of which loops."""
    rng = Random(f"{_SEED}-single")
    return [_case(_Made(rng, str(i), inputs), _KINDS[i % len(_KINDS)], rng) for i in range(problems)]


def mixed(problems: int) -> list[Case]:
    """Candidates of a search: the same ones again in another layout, some that never end."""
    rng = Random(f"{_SEED}-mixed")
    cases: list[Case] = []
    for number in range(problems):
        made = _Made(rng, str(number), _CANDIDATE_INPUTS)
        distinct: list[Case] = []
        for _ in range(_CANDIDATES):
            if distinct and rng.random() < _DUPLICATES:
                cases.append(_laid_out(rng.choice(distinct), rng))
            else:
                kind = "looping" if rng.random() < _LOOPS else rng.choice(_KINDS)
                distinct.append(_case(made, kind, rng))
                cases.append(distinct[-1])
    return cases


def humaneval(data: Path, inputs: int = 5) -> list[Case]:
    """Reference programs and ones that raise, of the problems whose checks are nothing but equalities of literals."""
    cases: list[Case] = []
    with gzip.open(data, "rt", encoding="utf-8") as file:
        rows = [HumanEvalRow.model_validate(json.loads(line)) for line in file]
    for row in rows:
        tests = key_of(row).tests[:inputs]
        calls = [test.input.args for test in tests if isinstance(test.input, Call)]
        expected = [test.expected for test in tests]
        if tests and _literal([calls, expected]):
            right = len(cases) % 4 != 3
            code = row.prompt + (row.canonical_solution if right else "    raise ValueError\n")
            kind = "correct" if right else "raising"
            cases.append(Case(row.task_id, kind, code, row.entry_point, calls, expected, "python_eq", right))
    return cases


def _literal(value: Any) -> bool:
    """Whether it survives being written down; inf does not."""
    try:
        return ast.literal_eval(repr(value)) == value
    except ValueError:
        return False


class _Made:
    """A problem of the world with inputs and outputs."""

    def __init__(self, rng: Random, name: str, inputs: int) -> None:
        while True:
            pipeline = draw(rng, rng.randint(2, 5), edges=0.2)
            task = draw_task(pipeline, rng, function=True)
            values = list(_distinct(task, rng, inputs))
            if len(values) == inputs:
                break
        self.name = name
        self.task = task
        self.values = values

    def outputs(self, pipeline: Pipeline) -> list[Any] | None:
        """What a pipeline makes of the inputs; None where one leads out of the world."""
        if any(pipeline.trace(value) is None for value in self.values):
            return None
        return [pipeline.output(value) for value in self.values]

    def wrong(self, rng: Random) -> str:
        """A program with another output on at least one input: a step left out, or one output replaced."""
        steps = self.task.pipeline.steps
        right = self.outputs(self.task.pipeline)
        for left_out in rng.sample(range(len(steps)), len(steps)):
            if len(steps) > 1 and steps[left_out].primitive.source is steps[left_out].primitive.target:
                other = Pipeline(steps[:left_out] + steps[left_out + 1 :], self.task.pipeline.edge)
                outputs = self.outputs(other)
                if outputs is not None and outputs != right:
                    return program(self.task, rng.choice(list(Style)), other)
        return self.spoilt(f"return {[None]!r}", rng)

    def spoilt(self, statement: str, rng: Random, *, everywhere: bool = False) -> str:
        """A right program that does ``statement`` first, on one input or on all."""
        head, _, body = program(self.task, rng.choice(list(Style))).partition("\n")
        condition = "True" if everywhere else f"{self.task.variable} == {rng.choice(self.values)!r}"
        return f"{head}\n    if {condition}:\n        {statement}\n{body}"


def _distinct(task: Task, rng: Random, count: int) -> Iterator[Any]:
    seen: list[Any] = []
    for _ in range(20 * count):
        value = task.random_input(rng)
        if value not in seen and len(seen) < count:
            seen.append(value)
            yield value


def _case(made: _Made, kind: str, rng: Random) -> Case:
    match kind:
        case "correct":
            code = program(made.task, rng.choice(list(Style)))
        case "wrong":
            code = made.wrong(rng)
        case "raising":
            code = made.spoilt(rng.choice(["raise ValueError(0)", "[][0]", "{}['key']"]), rng)
        case _:
            code = made.spoilt("while True: pass", rng, everywhere=rng.random() < 0.5)
    expected = made.outputs(made.task.pipeline)
    assert made.task.function is not None
    assert expected is not None
    calls = [(value,) for value in made.values]
    return Case(made.name, kind, code, made.task.function, calls, expected, "exact", kind == "correct")


def _laid_out(case: Case, rng: Random) -> Case:
    """The same program with a comment and in another layout."""
    layouts = (
        f"# Solution.\n{case.code}",
        f"\n{ast.unparse(ast.parse(case.code))}\n\n# done\n",
        case.code.replace("\n", "  # next\n", 1).replace("    ", "  "),
    )
    return Case(case.problem, case.kind, rng.choice(layouts), *_rest(case))


def _rest(case: Case) -> tuple[Any, ...]:
    return case.entry, case.calls, case.expected, case.rule, case.passes
