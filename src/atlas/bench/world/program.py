"""Programs for a task, in several styles; all of them mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from atlas.bench.world.kinds import Kind
from atlas.bench.world.pipeline import Pipeline
from atlas.bench.world.primitive import Form
from atlas.bench.world.tasks import Task

_VARIABLES: Final[Mapping[Kind, str]] = {Kind.INT: "n", Kind.TEXT: "s", Kind.INTS: "nums", Kind.WORDS: "words"}


class Style(StrEnum):
    """How a pipeline is written down."""

    STEPS = "steps"
    LOOPS = "loops"
    FRESH = "fresh"
    """A new variable for every step."""


def program(task: Task, style: Style, pipeline: Pipeline | None = None) -> str:
    """Source of a program for ``task``; ``pipeline`` stands in for the task's own (to make wrong programs).

    The result ends in a newline and needs no imports.
    """
    pipeline = pipeline or task.pipeline
    lines = _reading(task)
    value = task.variable
    known = {pipeline.source: value}
    for index, step in enumerate(pipeline.steps[:-1], 1):
        kind = step.primitive.target
        result = f"v{index}" if style is Style.FRESH else known.setdefault(kind, _VARIABLES[kind])
        lines += step.lines(value, result, loop=style is Style.LOOPS)
        value = result
    last = pipeline.steps[-1]
    if last.primitive.form is Form.BLOCK or (style is Style.LOOPS and last.primitive.target is not Kind.TEXT):
        *body, assign = last.lines(value, "out", loop=style is Style.LOOPS)
        final = "out"
        lines += body if assign == "out = out" else [*body, assign]
    else:
        final = last.expression(value) or ""
    lines.append(_writing(task, pipeline.target, final))
    if task.function is None:
        return "\n".join(lines) + "\n"
    body_text = "\n".join(f"    {line}" for line in lines)
    return f"{task.signature()}\n{body_text}\n"


def _reading(task: Task) -> list[str]:
    if task.function is not None:
        return []
    name, kind = task.variable, task.pipeline.source
    if kind is Kind.INT:
        return [f"{name} = int(input())"]
    if kind is Kind.TEXT:
        return [f"{name} = input()"]
    if task.counted and kind is Kind.WORDS:
        return [f"{name} = [input() for _ in range(int(input()))]"]
    read = [f"{name} = list(map(int, input().split()))" if kind is Kind.INTS else f"{name} = input().split()"]
    return ["input()", *read] if task.counted else read


def _writing(task: Task, kind: Kind, expression: str) -> str:
    if task.function is not None:
        return f"return {expression}"
    if kind is Kind.BOOL:
        return f"print('Yes' if {expression} else 'No')"
    if kind in (Kind.INTS, Kind.WORDS):
        return f"print(*{expression})"
    return f"print({expression})"
