"""Nearby wrong programs, and inputs on which they fail."""

from __future__ import annotations

import contextlib
import io
import itertools
from dataclasses import dataclass
from random import Random
from typing import Any

from atlas.bench.world.kinds import Bounds
from atlas.bench.world.pipeline import Pipeline, held_out
from atlas.bench.world.primitive import Step
from atlas.bench.world.program import Style, program
from atlas.bench.world.steps import all_steps
from atlas.bench.world.tasks import Task
from atlas.search.prompts import Failure


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong pipeline, and in words what is wrong with it."""

    pipeline: Pipeline
    fault: str


def mutant(pipeline: Pipeline, rng: Random) -> Mutant | None:
    """The pipeline with one or two things wrong; None where nothing can be exchanged."""
    found = _once(pipeline, rng)
    if found is not None and rng.random() < 0.25:
        again = _once(found.pipeline, rng)
        if again is not None and again.pipeline.steps != pipeline.steps:
            found = Mutant(again.pipeline, f"{found.fault} {again.fault}")
    # Not even a wrong program in a prompt may be of a held-out composition.
    return None if found is None or held_out(found.pipeline.names) else found


def _once(pipeline: Pipeline, rng: Random) -> Mutant | None:
    """One thing wrong: a step exchanged, lost, added or swapped, another parameter, or the edge forgotten."""
    if pipeline.edge is not None and rng.random() < 0.4:
        return Mutant(Pipeline(pipeline.steps), f"The edge case is missing: {pipeline.edge.note()}.")
    steps, at = list(pipeline.steps), rng.randrange(len(pipeline.steps))
    step, way = steps[at], rng.random()
    right = f"{at + 1}. {canonical(step)}"
    same = [
        p
        for p in all_steps().values()
        if p.source is step.primitive.source and p.target is step.primitive.target and p is not step.primitive
    ]
    if not same:  # the only step between its types
        return None
    if way < 0.45:
        choice = rng.choice(same)
        steps[at] = Step(choice, choice.draw(rng))
        fault = f"Step {right}, but the code does this: {canonical(steps[at])}."
    elif way < 0.62 and step.params:
        steps[at] = Step(step.primitive, step.primitive.draw(rng))
        fault = f"Step {right}, but the code does this: {canonical(steps[at])}."
    elif way < 0.78 and len(steps) > 1 and step.primitive.source is step.primitive.target:
        del steps[at]
        fault = f"Step {right} is missing."
    elif way < 0.93 and at + 1 < len(steps):
        steps[at], steps[at + 1] = steps[at + 1], steps[at]
        fault = f"Steps {at + 1} and {at + 2} are in the wrong order: first {canonical(step)}."
    else:
        choices = [p for p in all_steps().values() if p.source is p.target is step.primitive.source]
        extra = rng.choice(choices or same)
        steps.insert(at, Step(extra, extra.draw(rng)))
        fault = f"The code does one thing too much: {canonical(steps[at])}."
    kinds_fit = all(a.primitive.target is b.primitive.source for a, b in itertools.pairwise(steps))
    wrong = Pipeline(tuple(steps), pipeline.edge)
    fits = kinds_fit and wrong.source is pipeline.source and wrong.target is pipeline.target
    return Mutant(wrong, fault) if fits and wrong.steps != pipeline.steps else None


def canonical(step: Step) -> str:
    """A step in its first wording: plans, traces and analyses name it so."""
    return step.phrase(First())


class First(Random):
    """Chooses the first of everything."""

    def choice(self, seq: Any) -> Any:
        return seq[0]


def failing(code: str, task: Task, values: list[Any], rng: Random, bounds: Bounds) -> Failure | None:
    """The first input on which one of our own wrong programs fails; None if none was found."""
    for value in values + [task.random_input(rng, bounds) for _ in range(8)]:
        output = task.as_output(task.pipeline.output(value))
        want, got = repr(output) if task.function else output, run(code, task, value)
        if got != want:
            return Failure(task.as_input(value), got, want)
    return None


def wrong_program(
    task: Task, rng: Random, values: list[Any], bounds: Bounds, style: Style
) -> tuple[str, Failure, Mutant] | None:
    """A nearby wrong program, an input on which it fails, and what is wrong; None when nothing tells them apart."""
    found = mutant(task.pipeline, rng)
    if found is None:
        return None
    code = program(task, style, found.pipeline)
    failure = failing(code, task, values, rng, bounds)
    return None if failure is None else (code, failure, found)


def run(code: str, task: Task, value: Any) -> str:
    """What one of our own programs returns or prints, as the repair prompt shows it. Never for model output."""
    try:
        if task.function is not None:
            scope: dict[str, Any] = {}
            exec(code, scope)
            return repr(scope[task.function](value))
        lines = iter(task.as_input(value).text.split("\n"))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, {"input": lambda: next(lines)})
        return out.getvalue()
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
