"""The suite of the shipped model's world: held-out compositions, function and stdin tasks, three difficulties.

Difficulty is the number of steps (easy 3, medium 4, hard 5; training has at most 4): with these the shipped model's
greedy score lies where a difference can be seen. A quarter of the problems shows no example, the rest two. Every
problem has ``HIDDEN_TESTS`` hidden tests.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from atlas.bench.home import SuitePaths
from atlas.bench.keys import HiddenTest, Key
from atlas.bench.suites.install import install
from atlas.bench.world.kinds import Bounds, Kind
from atlas.bench.world.pipeline import Pipeline, draw
from atlas.bench.world.program import Style, program
from atlas.bench.world.tasks import Task, draw_task
from atlas.compare.rules import Rule
from atlas.problem import Problem

DIFFICULTIES: Final = (("easy", 3), ("medium", 4), ("hard", 5))
HIDDEN_TESTS: Final = 14
VERSION: Final = 1


def make(seed: int, count: int) -> list[tuple[Problem, Key]]:
    """``count`` problems with their keys; the first n of a larger suite of the same seed are the same problems."""
    rng = Random(f"smallworld-{VERSION}-{seed}")
    seen: set[tuple[str, ...]] = set()
    made: list[tuple[Problem, Key]] = []
    while len(made) < count:
        index = len(made)
        difficulty, length = DIFFICULTIES[index % len(DIFFICULTIES)]
        pipeline = draw(rng, length, want_held_out=True)
        if pipeline.names in seen:
            continue
        seen.add(pipeline.names)
        made.append(_problem(pipeline, rng, index, seed, difficulty))
    return made


def write(paths: SuitePaths, seed: int, count: int) -> None:
    """Make a suite and write its two stores.

    Raises:
        UsageError: ``count`` is below 1, or a file can't be written.
    """
    source = f"atlas bench make --seed {seed} --problems {count}"
    install(paths, make(seed, count), version=str(VERSION), source=source, licence="Apache-2.0")


def _problem(pipeline: Pipeline, rng: Random, index: int, seed: int, difficulty: str) -> tuple[Problem, Key]:
    function = rng.random() < 0.6
    task = draw_task(pipeline, rng, function=function)
    shown = [] if rng.random() < 0.25 else _values(task, rng, 2, Bounds(items=(1, 6)))
    tags = {
        "difficulty": difficulty,
        "kind": "function" if function else "stdin",
        "examples": "with" if shown else "without",
    }
    problem = task.problem(f"smallworld-s{seed}-{index:04d}", shown, tags)
    hidden = _values(task, rng, HIDDEN_TESTS, Bounds(items=(0 if function else 1, 9)), shown)
    tests = tuple(HiddenTest(task.as_input(v), task.as_output(pipeline.output(v))) for v in hidden)
    rule = Rule("exact" if function else "stdout")
    return problem, Key(problem.id, rule, tests, reference=program(task, Style.STEPS))


def _values(task: Task, rng: Random, count: int, bounds: Bounds, without: list[Any] | None = None) -> list[Any]:
    """Distinct inputs; at least two different outputs among them, so that no constant passes."""
    while True:
        values: list[Any] = []
        while len(values) < count:
            value = task.random_input(rng, bounds)
            if value not in values and value not in (without or []):
                values.append(value)
        outputs = {repr(task.pipeline.output(v)) for v in values}
        if len(outputs) > 1 or (count == 2 and task.pipeline.target is Kind.BOOL and rng.random() < 0.1):
            return values
