"""What the model should answer, as text: programs, plans, thoughts, traces, analyses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Any

from atlas.bench.world.pipeline import Pipeline
from atlas.bench.world.program import Style, program
from atlas.bench.world.tasks import Task, tell
from atlas.search import prompts
from training.mutants import Mutant, canonical
from training.notation import told
from training.spelling import given, spelled
from training.worked import worked


def fenced(code: str, language: str = "python") -> str:
    return f"```{language}\n{code.rstrip()}\n```"


def code(task: Task, style: Style) -> str:
    return fenced(program(task, style))


def plan_lines(pipeline: Pipeline, rng: Random | None = None) -> list[str]:
    """The steps in order, in their first wording, or with ``rng`` in any."""
    lines = [canonical(s) if rng is None else s.phrase(rng) for s in pipeline.steps]
    return lines if pipeline.edge is None else [*lines, pipeline.edge.note()]


def numbered(lines: list[str]) -> str:
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))


def bulleted(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def thought(task: Task, rng: Random, wrong: Mutant | None) -> tuple[str, str]:
    """A thought in two parts; the first, which may hold a mistake, is not learned.

    Some thoughts go on after a "Wait": where the first plan was wrong, with the right one.
    """
    right = numbered(plan_lines(task.pipeline))
    if wrong is not None:
        first = numbered(plan_lines(wrong.pipeline))
        return f"{first}\nWait", f", {wrong.fault[0].lower()}{wrong.fault[1:]}\n{right}\n"
    if rng.random() < 0.12:
        return f"{right}\nWait", ", that is right.\n"
    return "", f"{right}\n"


def traced(task: Task, value: Any) -> list[str]:
    """The input, then every step by name with its work and the value after it.

    Raises:
        TooLong: some value has too many items.
    """
    lines = [f"{name}:{spelled(' ' + work)}" for name, work in _steps(task, value)]
    return [spelled(told(value)), *lines]


def _steps(task: Task, value: Any) -> Iterator[tuple[str, str]]:
    """The name of each step, and its work with the value after it."""
    values = task.pipeline.trace(value)
    assert values is not None
    edge = task.pipeline.edge
    for step, before, after in zip(task.pipeline.steps, values, values[1:], strict=False):
        yield canonical(step), worked(step, before, after)
    if edge is not None and edge.applies(value, values[-1]):
        yield edge.note(), told(edge.value)


def drill(task: Task, value: Any, mark: str) -> str:
    """The lines of ``traced``, each after ``mark``, with only the work to learn.

    Raises:
        TooLong: some value has too many items.
    """
    text = given(f"{mark}{spelled(told(value))}\n")
    for name, work in _steps(task, value):
        text += given(f"{mark}{name}:") + spelled(f" {work}") + "\n"
    return text


def expected(task: Task, values: list[Any]) -> str:
    """Every expectation is worked out step by step before it is stated."""
    if task.function is None:
        worked = ["\n".join(traced(task, v)) for v in values]
        outputs = [task.as_output(task.pipeline.output(v)) for v in values]
        blocks = [f"```text\n{spelled(o.rstrip())}\n```" for o in outputs]
        return "\n".join(f"{w}\n{b}" for w, b in zip(worked, blocks, strict=True))
    lines: list[str] = []
    for value in values:
        lines += [f"#{spelled(' ')}{line}" for line in traced(task, value)]
        output = spelled(f" {task.pipeline.output(value)!r}")
        lines.append(f"assert {task.function}({value!r}) =={output}")
    return fenced("\n".join(lines))


def inputs(task: Task, values: list[Any]) -> str:
    if task.function is None:
        return "\n".join(fenced(prompts.call_text("", task.as_input(v)), "text") for v in values)
    return fenced("\n".join(prompts.call_text(task.function, task.as_input(v)) for v in values))


def observation_lines(pipeline: Pipeline, rng: Random) -> list[str]:
    """What can be said of a problem: some of its steps by place, how many they are, its edge."""
    steps = pipeline.steps
    lines = [f"the first step is to {canonical(steps[0])}", f"the last step is to {canonical(steps[-1])}"]
    lines += [f"step {i} is to {canonical(s)}" for i, s in enumerate(steps[1:-1], 2)]
    lines += [f"{canonical(a)} comes before {canonical(b)}" for a, b in pairwise(steps)]
    lines.append(f"there {'is 1 step' if len(steps) == 1 else f'are {len(steps)} steps'}")
    if pipeline.edge is not None:
        lines.append(pipeline.edge.note())
    return rng.sample(lines, min(len(lines), rng.randint(3, 5)))


def restated(task: Task, rng: Random) -> str:
    return tell(task.pipeline, rng, variable=task.variable if task.function else "")


def analysis(task: Task, wrong: Mutant, view: prompts.View, failure: prompts.Failure) -> str:
    """What is wrong, from one point of view."""
    if view == "edges":
        edge = task.pipeline.edge
        if edge is not None:
            missing = wrong.pipeline.edge is None
            about = "is missing" if missing else "is handled"
            return f"The edge case {about}: {edge.note()}. {wrong.fault if not missing else ''}".rstrip()
    if view == "trace":
        expected = failure.expected.rstrip("\n")
        return f"The result should be {expected}. {wrong.fault}"
    return wrong.fault
