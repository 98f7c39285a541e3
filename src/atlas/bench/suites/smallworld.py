"""The suite of the shipped model's world: held-out compositions, function and stdin tasks, three difficulties.

Difficulty is the number of steps (easy 4, medium 5, hard 6): of these the shipped model has half to three quarters
right greedily (50% its second edition, 72% its third), so that a difference can be seen. Most problems tell their steps
out of order, some beside matter that is beside the point, some have an edge-case clause. A quarter shows no example,
the rest two. Every problem has ``HIDDEN_TESTS`` hidden tests, and a clause is met in at least one of them.

``VERSION`` is frozen: another change to what is drawn is another version.
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
from atlas.bench.world.tasks import Task, Telling, draw_task
from atlas.compare.rules import Rule
from atlas.problem import Problem

DIFFICULTIES: Final = (("easy", 4), ("medium", 5), ("hard", 6))
HIDDEN_TESTS: Final = 14
EDGES: Final = 0.3
TANGLED: Final = 0.9
"""Share of the problems that tell their steps in another order than they are done."""
VERSION: Final = 3
_TRIES: Final = 200


def make(seed: int, count: int) -> list[tuple[Problem, Key]]:
    """``count`` problems with their keys; the first n of a larger suite of the same seed are the same problems."""
    rng = Random(f"smallworld-{VERSION}-{seed}")
    seen: set[tuple[str, ...]] = set()
    made: list[tuple[Problem, Key]] = []
    while len(made) < count:
        index = len(made)
        difficulty, steps = DIFFICULTIES[index % len(DIFFICULTIES)]
        pipeline = draw(rng, steps, want_held_out=True, edges=EDGES)
        if pipeline.names in seen:
            continue
        problem = _problem(pipeline, rng, index, seed, difficulty)
        if problem is not None:
            seen.add(pipeline.names)
            made.append(problem)
    return made


def write(paths: SuitePaths, seed: int, count: int) -> None:
    """Make a suite and write its two stores.

    Raises:
        UsageError: ``count`` is below 1, or a file can't be written.
    """
    source = f"atlas bench make --seed {seed} --problems {count}"
    install(paths, make(seed, count), version=str(VERSION), source=source, licence="Apache-2.0")


def _problem(pipeline: Pipeline, rng: Random, index: int, seed: int, difficulty: str) -> tuple[Problem, Key] | None:
    """The pipeline as a problem; None where no inputs show all that it should do."""
    function = rng.random() < 0.6
    telling = Telling.drawn(rng, pipeline, TANGLED)
    task = draw_task(pipeline, rng, function=function, telling=telling)
    pipeline = task.pipeline
    shown = [] if rng.random() < 0.25 else _values(task, rng, 2, Bounds(items=(1, 6)))
    hidden = _values(task, rng, HIDDEN_TESTS, Bounds(items=(0 if function else 1, 9)), shown)
    if shown is None or hidden is None:
        return None
    tags = {
        "difficulty": difficulty,
        "kind": "function" if function else "stdin",
        "examples": "with" if shown else "without",
        "order": "tangled" if telling.tangled else "plain",
        "edge": "with" if pipeline.edge else "without",
    }
    problem = task.problem(f"smallworld-s{seed}-{index:04d}", shown, tags)
    tests = tuple(HiddenTest(task.as_input(v), task.as_output(pipeline.output(v))) for v in hidden)
    rule = Rule("exact" if function else "stdout")
    return problem, Key(problem.id, rule, tests, reference=program(task, Style.STEPS))


def _values(task: Task, rng: Random, count: int, bounds: Bounds, without: list[Any] | None = None) -> list[Any] | None:
    """Distinct inputs; at least two different outputs among them, so that no constant passes.

    Hidden inputs (those apart from ``without``) meet the task's edge-case clause at least once.
    None if none were found.
    """
    for _ in range(_TRIES):
        values: list[Any] = []
        for _ in range(20 * count):
            if len(values) == count:
                break
            value = task.random_input(rng, bounds)
            if value not in values and value not in (without or []):
                values.append(value)
        if len(values) < count:
            continue
        outputs = {repr(task.pipeline.output(v)) for v in values}
        lenient = count == 2 and task.pipeline.target is Kind.BOOL and rng.random() < 0.1
        if (len(outputs) > 1 or lenient) and (without is None or _meets_edge(task.pipeline, values)):
            return values
    return None


def _meets_edge(pipeline: Pipeline, values: list[Any]) -> bool:
    edge = pipeline.edge
    if edge is None:
        return True
    return any(edge.applies(v, (pipeline.trace(v) or [v])[-1]) for v in values)
