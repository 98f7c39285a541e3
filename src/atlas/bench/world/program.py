"""Programs for a task, in several styles; all of them mean the same."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from atlas.bench.world.edge import Case
from atlas.bench.world.kinds import Kind
from atlas.bench.world.others import OTHERS
from atlas.bench.world.pipeline import Pipeline
from atlas.bench.world.primitive import Form, Step
from atlas.bench.world.tasks import Task

_TIGHT: Final = (ast.Call, ast.Subscript, ast.ListComp, ast.Name)
"""Expressions that need no parentheses wherever they stand."""
_VARIABLES: Final[Mapping[Kind, str]] = {Kind.INT: "n", Kind.TEXT: "s", Kind.INTS: "nums", Kind.WORDS: "words"}


class Style(StrEnum):
    """How a pipeline is written down."""

    STEPS = "steps"
    LOOPS = "loops"
    FRESH = "fresh"
    """A new variable for every step."""
    OTHER = "other"
    """A second algorithm for the steps that have one."""
    INLINE = "inline"
    """Steps nested into one expression where that is short."""


def program(task: Task, style: Style, pipeline: Pipeline | None = None) -> str:
    """Source of a program for ``task``; ``pipeline`` stands in for the task's own (to make wrong programs).

    The result ends in a newline and needs no imports.
    """
    pipeline = pipeline or task.pipeline
    lines, final = _computing(task, style, pipeline)
    edge = pipeline.edge
    if edge is not None and edge.case is not Case.EMPTY:
        lines += [] if final == "out" else [f"out = {final}"]
        final = "out"
        lines += [f"if {edge.condition('out')}:", f"    out = {edge.value!r}"]
    lines.append(_writing(task, pipeline.target, final))
    if edge is not None and edge.case is Case.EMPTY:
        lines = [f"if {edge.condition(task.variable)}:", f"    return {edge.value!r}", *lines]
    lines = [*_reading(task), *lines]
    if task.function is None:
        return "\n".join(lines) + "\n"
    body_text = "\n".join(f"    {line}" for line in lines)
    return f"{task.signature()}\n{body_text}\n"


def _computing(task: Task, style: Style, pipeline: Pipeline) -> tuple[list[str], str]:
    """Statements, and the expression that is the last step's value after them."""
    lines: list[str] = []
    value = task.variable
    known = {pipeline.source: value}
    options = {"loop": style is Style.LOOPS, "other": style is Style.OTHER}
    for index, step in enumerate(pipeline.steps[:-1], 1):
        kind = step.primitive.target
        result = f"v{index}" if style is Style.FRESH else known.setdefault(kind, _VARIABLES[kind])
        expression = step.expression(value)
        following = pipeline.steps[index]
        if style is Style.INLINE and expression is not None and _nests(expression, following):
            value = expression if isinstance(ast.parse(expression, mode="eval").body, _TIGHT) else f"({expression})"
            continue
        lines += step.lines(value, result, **options)
        value = result
    last = pipeline.steps[-1]
    spelled = (style is Style.LOOPS and last.primitive.target is not Kind.TEXT) or (
        style is Style.OTHER and last.primitive.name in OTHERS
    )
    if last.primitive.form is not Form.BLOCK and not spelled:
        return lines, last.expression(value) or ""
    *body, assign = last.lines(value, "out", **options)
    return [*lines, *body, *([] if assign == "out = out" else [assign])], "out"


def _nests(expression: str, following: Step) -> bool:
    """Whether a step's expression may stand in the next one's: short, and used once."""
    once = following.primitive.form in {Form.MAP, Form.FILTER} or following.primitive.code.count("$v") == 1
    return once and following.primitive.form is not Form.BLOCK and len(expression) <= 40


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
