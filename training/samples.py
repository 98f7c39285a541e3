"""Training samples: one request as the search words it, and the reply that the model should give."""

from __future__ import annotations

import contextlib
import io
import itertools
from dataclasses import dataclass
from random import Random
from typing import Any

from atlas.bench.world.kinds import Bounds
from atlas.bench.world.pipeline import Pipeline, draw, held_out
from atlas.bench.world.primitive import Step
from atlas.bench.world.program import Style, program
from atlas.bench.world.steps import all_steps
from atlas.bench.world.tasks import Task, draw_task
from atlas.search import prompts
from training.wordings import reword


@dataclass(frozen=True, slots=True)
class Sample:
    """One prompt and its reply; ``skill`` names the request."""

    skill: str
    prompt: str
    reply: str


LENGTHS = ((1, 0.10), (2, 0.32), (3, 0.33), (4, 0.25))
SKILLS = (("draft", 0.60), ("expected", 0.16), ("repair", 0.20), ("inputs", 0.04))
STYLES = ((Style.STEPS, 0.65), (Style.FRESH, 0.23), (Style.LOOPS, 0.12))
OTHER_NAMES = 0.5
"""Share of functions whose name is not one of the suite's few: the name has to be read from the signature."""
VERBS = (
    "get find make count keep drop take add_up sort build check join split pick total reduce change apply "
    "convert collect select remove add turn use do my last first best main new old final test"
).split()
NOUNS = (
    "items values words numbers text data total result answer chars digits pairs parts line lines string "
    "evens odds squares lengths even odd it some value word number f g x score index size order"
).split()
VARIABLES = "arr data items lst seq v val t string l elements entries input_list y z k m q p tokens txt phrase".split()
EXAMPLES = ((2, 0.62), (0, 0.24), (1, 0.06), (3, 0.08))


def _pick(rng: Random, table: tuple[tuple[Any, float], ...]) -> Any:
    values, weights = zip(*table, strict=True)
    return rng.choices(values, weights)[0]


def sample(rng: Random) -> Sample:
    """One training sample, never of a held-out composition."""
    pipeline = draw(rng, _pick(rng, LENGTHS), want_held_out=False)
    function = rng.random() < 0.6
    name = _name(rng) if function and rng.random() < OTHER_NAMES else ""
    variable = rng.choice(VARIABLES) if function and rng.random() < OTHER_NAMES / 2 else ""
    task = draw_task(pipeline, rng, function=function, name=name, variable=variable)
    skill = _pick(rng, SKILLS)
    bounds = Bounds(items=(0 if task.function else 1, 6))
    examples = _distinct(task, rng, _pick(rng, EXAMPLES), bounds)
    problem = task.problem("", examples, {})
    if skill == "draft":
        messages = prompts.draft(problem)
        reply = _fence(program(task, _pick(rng, STYLES)))
    elif skill == "expected":
        values = _distinct(task, rng, rng.randint(2, 4), bounds)
        messages = prompts.expected_outputs(problem, [task.as_input(v) for v in values])
        reply = _expected(task, values)
    elif skill == "inputs":
        values = _distinct(task, rng, rng.randint(3, 6), bounds)
        messages = prompts.propose_inputs(problem, len(values))
        reply = _inputs(task, values)
    else:
        style = _pick(rng, STYLES)
        wrong = _wrong(task, rng, examples, bounds, style)
        if wrong is None:
            return sample(rng)
        messages = prompts.repair(problem, wrong[0], wrong[1])
        reply = _fence(program(task, style))
    return Sample(skill, reword(messages[0].content, rng), reply)


def _name(rng: Random) -> str:
    style = rng.random()
    if style < 0.4:
        return f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}"
    if style < 0.8:
        return rng.choice(VERBS + NOUNS)
    return f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}_{rng.choice(NOUNS)}"


def _distinct(task: Task, rng: Random, count: int, bounds: Bounds) -> list[Any]:
    values: list[Any] = []
    for _ in range(20 * count):
        value = task.random_input(rng, bounds)
        if value not in values:
            values.append(value)
        if len(values) == count:
            break
    return values


def _fence(code: str, language: str = "python") -> str:
    return f"```{language}\n{code.rstrip()}\n```"


def _trace(task: Task, value: Any) -> str:
    values = task.pipeline.trace(value)
    assert values is not None
    return " -> ".join(repr(v) for v in values)


def _expected(task: Task, values: list[Any]) -> str:
    """Every expectation is worked out step by step before it is stated."""
    if task.function is None:
        return "\n".join(
            f"{_trace(task, v)}\n{_fence(task.as_output(task.pipeline.output(v)), 'text')}" for v in values
        )
    lines = [f"# {_trace(task, v)}\nassert {task.function}({v!r}) == {task.pipeline.output(v)!r}" for v in values]
    return _fence("\n".join(lines))


def _inputs(task: Task, values: list[Any]) -> str:
    if task.function is None:
        return "\n".join(_fence(prompts.call_text("", task.as_input(v)), "text") for v in values)
    return _fence("\n".join(prompts.call_text(task.function, task.as_input(v)) for v in values))


def _wrong(
    task: Task, rng: Random, examples: list[Any], bounds: Bounds, style: Style
) -> tuple[str, list[prompts.Failure]] | None:
    """A nearby wrong program and inputs on which it fails, or None when no input tells them apart."""
    mutant = _mutant(task.pipeline, rng)
    if mutant is None:
        return None
    code = program(task, style, mutant)
    failures: list[prompts.Failure] = []
    for value in examples + [task.random_input(rng, bounds) for _ in range(8)]:
        want, got = task.as_output(task.pipeline.output(value)), run(code, task, value)
        if got != (repr(want) if task.function else want):
            expected = repr(want) if task.function else want
            failures.append(prompts.Failure(task.as_input(value), got, expected))
        if len(failures) == 1:
            return code, failures
    return None


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


def _mutant(pipeline: Pipeline, rng: Random) -> Pipeline | None:
    """The pipeline with one thing wrong: a step exchanged, lost, added or swapped, or another parameter."""
    steps, at = list(pipeline.steps), rng.randrange(len(pipeline.steps))
    step, way = steps[at], rng.random()
    same = [
        p
        for p in all_steps().values()
        if p.source is step.primitive.source and p.target is step.primitive.target and p is not step.primitive
    ]
    if not same:  # the only step between its types
        return None
    if way < 0.55:
        choice = rng.choice(same)
        steps[at] = Step(choice, choice.draw(rng))
    elif way < 0.72 and step.params:
        steps[at] = Step(step.primitive, step.primitive.draw(rng))
    elif way < 0.86 and len(steps) > 1 and step.primitive.source is step.primitive.target:
        del steps[at]
    elif way < 0.93 and at + 1 < len(steps):
        steps[at], steps[at + 1] = steps[at + 1], steps[at]
    else:
        choices = [p for p in all_steps().values() if p.source is p.target is step.primitive.source]
        extra = rng.choice(choices or same)
        steps.insert(at, Step(extra, extra.draw(rng)))
    kinds_fit = all(a.primitive.target is b.primitive.source for a, b in itertools.pairwise(steps))
    mutant = Pipeline(tuple(steps))
    fits = kinds_fit and mutant.source is pipeline.source and mutant.target is pipeline.target
    # Not even a wrong program in a prompt may be of a held-out composition.
    return mutant if fits and not held_out(mutant.names) else None
