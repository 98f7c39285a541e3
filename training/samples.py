"""Training samples: one request as the search words it, and the reply that the model should give.

A *task* gives several samples of different skills, told in different ways: drawing a composition that is
useful costs more than wording it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from atlas.bench.world.kinds import Bounds, Kind, random_value
from atlas.bench.world.pipeline import Pipeline, draw
from atlas.bench.world.primitive import Step
from atlas.bench.world.program import Style, program
from atlas.bench.world.steps import all_steps
from atlas.bench.world.tasks import Task, Telling, draw_task
from atlas.llm.types import Message
from atlas.problem import Problem
from atlas.search import prompts
from training import mutants, reckoning, replies
from training.notation import TooLong, labelled, told
from training.spelling import given, spelled, visible
from training.wordings import reword

_PERTURBATIONS = tomllib.loads((Path(prompts.__file__).parent / "perturbations.toml").read_text(encoding="utf-8"))
ROLES = (
    *_PERTURBATIONS["roles"],
    "You are a helpful assistant.",
    "You are an expert programmer.",
    "You know Python well.",
)
INSTRUCTIONS = (
    *_PERTURBATIONS["instructions"],
    "Take your time.",
    "Make sure that every step is there.",
    "Check the code against the examples.",
    "Keep it short.",
)
THINK, THOUGHT = "<think>\n", "</think>\n"


@dataclass(frozen=True, slots=True)
class Sample:
    """One prompt and its reply, which may hold marks (``training.spelling``); ``skill`` names the request."""

    skill: str
    prompt: str
    reply: str


LENGTHS = ((1, 0.06), (2, 0.18), (3, 0.26), (4, 0.24), (5, 0.16), (6, 0.10))
SHORT = ((1, 0.25), (2, 0.33), (3, 0.24), (4, 0.12), (5, 0.04), (6, 0.02))
"""For the first stage: what a phrase means is learned from few steps, how steps follow each other from many."""
DRILLED = (("steps", 0.48), ("expected", 0.32), ("copy", 0.07), ("reckon", 0.13))
DRILLS = ((1, 0.42), (2, 0.28), (3, 0.16), (4, 0.08), (5, 0.04), (6, 0.02))
STYLES = ((Style.STEPS, 0.68), (Style.FRESH, 0.10), (Style.LOOPS, 0.06), (Style.OTHER, 0.08), (Style.INLINE, 0.08))
A_TASK = 3
"""Samples drawn from one composition."""
EDGES = 0.3
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


@dataclass(frozen=True, slots=True)
class Setting:
    """What a skill's sample is made from."""

    task: Task
    problem: Problem
    examples: list[Any]
    bounds: Bounds
    rng: Random

    @property
    def style(self) -> Style:
        return pick(self.rng, STYLES)

    def values(self, low: int, high: int) -> list[Any]:
        return distinct(self.task, self.rng, self.rng.randint(low, high), self.bounds)


def pick(rng: Random, table: tuple[tuple[Any, float], ...]) -> Any:
    values, weights = zip(*table, strict=True)
    return rng.choices(values, weights)[0]


def samples(
    rng: Random, lengths: tuple[tuple[int, float], ...] = LENGTHS, drills: float = 0.0, weak: Sequence[str] = ()
) -> Iterator[Sample]:
    """Training samples without end, never of a held-out composition.

    ``drills`` of the draws are drills: expected outputs, steps of traces, copying and arithmetic. Of the pipelines that
    they work out, 40% are one step of ``weak``, if it names any.
    """
    while True:
        if rng.random() >= drills:
            pipeline = draw(rng, pick(rng, lengths), want_held_out=False, edges=EDGES)
            made = [sample(setting(pipeline, rng)) for _ in range(A_TASK)]
        else:
            made = [_drill(rng, weak)]
        yield from (s for s in made if s is not None)


def _drill(rng: Random, weak: Sequence[str]) -> Sample | None:
    skill = pick(rng, DRILLED)
    if skill == "steps":
        return _steps(rng, weak)
    s = setting(_drilled(rng, weak, DRILLS), rng)
    return _sample(s, skill, SKILLS[skill][1](s))


def _drilled(rng: Random, weak: Sequence[str], lengths: tuple[tuple[int, float], ...]) -> Pipeline:
    if weak and rng.random() < 0.4:
        primitive = all_steps()[rng.choice(weak)]
        return Pipeline((Step(primitive, primitive.draw(rng)),))
    return draw(rng, pick(rng, lengths), want_held_out=False, edges=EDGES)


def _steps(rng: Random, weak: Sequence[str]) -> Sample | None:
    """No request of the search: parts of traces. Their work alone is learned: the tokens that are hard to tell."""
    mark = f"#{spelled(' ')}" if rng.random() < 0.6 else ""
    bounds, shown = Bounds(items=(0 if mark else 1, 6)), ""
    for _ in range(rng.randint(4, 8)):
        task = draw_task(_drilled(rng, weak, ((1, 0.7), (2, 0.3))), rng, function=True)
        try:
            shown += replies.drill(task, task.random_input(rng, bounds), mark)
        except TooLong:
            continue
    return Sample("steps", "Work these steps out.", shown) if shown else None


def setting(pipeline: Pipeline, rng: Random) -> Setting:
    """The pipeline as a problem, told in some way."""
    function = rng.random() < 0.6
    name = _name(rng) if function and rng.random() < OTHER_NAMES else ""
    variable = rng.choice(VARIABLES) if function and rng.random() < OTHER_NAMES / 2 else ""
    telling = Telling.drawn(rng, pipeline)
    task = draw_task(pipeline, rng, function=function, name=name, variable=variable, telling=telling)
    bounds = Bounds(items=(0 if task.function else 1, 6))
    examples = distinct(task, rng, pick(rng, EXAMPLES), bounds)
    return Setting(task, task.problem("", examples, {}), examples, bounds, rng)


def sample(s: Setting) -> Sample | None:
    """One sample of a random skill; None where the skill does not fit."""
    skill = pick(s.rng, tuple((name, share) for name, (share, _) in SKILLS.items()))
    return _sample(s, skill, SKILLS[skill][1](s))


def _sample(s: Setting, skill: str, made: Made) -> Sample | None:
    if made is None:
        return None
    messages, reply = made
    return Sample(skill, reword(messages[0].content, s.rng), reply)


Made = tuple[tuple[Message, ...], str] | None


def _draft(s: Setting) -> Made:
    rng = s.rng
    role = rng.choice(ROLES) if rng.random() < 0.08 else ""
    instruction = rng.choice(INSTRUCTIONS) if rng.random() < 0.08 else ""
    return prompts.draft(s.problem, role=role, instruction=instruction), replies.code(s.task, s.style)


def _thought(s: Setting) -> Made:
    wrong = mutants.mutant(s.task.pipeline, s.rng) if s.rng.random() < 0.2 else None
    first, rest = replies.thought(s.task, s.rng, wrong)
    thought = f"{given(THINK + first)}{rest}{THOUGHT}"
    return prompts.draft(s.problem), f"{thought}{replies.code(s.task, Style.STEPS)}"


def _from_plan(s: Setting) -> Made:
    lines = replies.plan_lines(s.task.pipeline, None if s.rng.random() < 0.8 else s.rng)
    if s.rng.random() < 0.12 and (wrong := mutants.mutant(s.task.pipeline, s.rng)) is not None:
        lines = replies.plan_lines(wrong.pipeline)
    return prompts.draft(s.problem, plan=replies.numbered(lines)), replies.code(s.task, Style.STEPS)


def _from_hint(s: Setting) -> Made:
    pipeline = s.task.pipeline
    if s.rng.random() < 0.5:
        hint = replies.restated(s.task, s.rng)
    else:
        hint = replies.bulleted(replies.plan_lines(pipeline, s.rng))
    return prompts.draft(s.problem, hint=hint), replies.code(s.task, Style.STEPS)


def _plan(s: Setting) -> Made:
    pipeline = s.task.pipeline
    told = replies.observation_lines(pipeline, s.rng)[: s.rng.randint(0, 2)]
    if told and s.rng.random() < 0.2 and (wrong := mutants.mutant(pipeline, s.rng)) is not None:
        told = replies.observation_lines(wrong.pipeline, s.rng)[: len(told)]
    return prompts.plan(s.problem, told), replies.numbered(replies.plan_lines(pipeline))


def _observations(s: Setting) -> Made:
    lines = replies.observation_lines(s.task.pipeline, s.rng)
    return prompts.observations(s.problem), replies.bulleted(lines)


def _restate(s: Setting) -> Made:
    return prompts.restate(s.problem), replies.restated(s.task, s.rng)


def _parts(s: Setting) -> Made:
    return prompts.parts(s.problem), replies.bulleted(replies.plan_lines(s.task.pipeline, s.rng))


def _expected(s: Setting) -> Made:
    most = max(1, 6 // len(s.task.pipeline.steps))
    values = s.values(1 if most < 3 else 2, most)
    try:
        reply = replies.expected(s.task, values)
    except TooLong:
        return None
    return prompts.expected_outputs(s.problem, [s.task.as_input(v) for v in values]), reply


def _copy(s: Setting) -> Made:
    """No request of the search: values as traces hold them and as they are told, as every trace begins and ends."""
    kinds = (Kind.INT, Kind.INTS, Kind.TEXT, Kind.WORDS)
    values = [random_value(s.rng.choice(kinds), s.rng, s.bounds) for _ in range(s.rng.randint(2, 7))]
    name = s.task.function or "-"
    asked = "\n".join(f"{name}({value!r})" for value in values)
    try:
        lines = [f"{name}({value!r}):{spelled(f' {told(value)}: {value!r}')}" for value in values]
    except TooLong:
        return None
    return (Message("user", f"{s.rng.choice(('Copy', 'Repeat', 'Write again'))} these lines.\n{asked}"),), "\n".join(
        lines
    )


def _reckon(s: Setting) -> Made:
    """No request of the search either: the arithmetic of traces, without anything around it."""
    sums = [reckoning.drawn(s.rng) for _ in range(s.rng.randint(6, 20))]
    asked = visible(labelled([task for task, _ in sums]))
    return (Message("user", f"Work these out.\n{asked}"),), spelled(labelled([work for _, work in sums]))


def _inputs(s: Setting) -> Made:
    values = s.values(3, 6)
    return prompts.propose_inputs(s.problem, len(values)), replies.inputs(s.task, values)


def _distinguish(s: Setting) -> Made:
    wrong = mutants.wrong_program(s.task, s.rng, [], s.bounds, Style.STEPS)
    if wrong is None:
        return None
    telling = [v for v in s.values(20, 20) if mutants.failing(wrong[0], s.task, [v], s.rng, s.bounds)]
    if not telling:
        return None
    codes = [program(s.task, Style.STEPS), wrong[0]]
    s.rng.shuffle(codes)
    messages = prompts.distinguish(s.problem, codes[0], codes[1], len(telling[:4]))
    return messages, replies.inputs(s.task, telling[:4])


def _analyse(s: Setting) -> Made:
    wrong = mutants.wrong_program(s.task, s.rng, s.examples, s.bounds, s.style)
    if wrong is None:
        return None
    view = s.rng.choice(prompts.VIEWS)
    messages = prompts.analyse(s.problem, wrong[0], wrong[1], view)
    return messages, replies.analysis(s.task, wrong[2], view, wrong[1])


def _repair(s: Setting) -> Made:
    style = s.style
    wrong = mutants.wrong_program(s.task, s.rng, s.examples, s.bounds, style)
    if wrong is None:
        return None
    views = s.rng.sample(prompts.VIEWS, s.rng.choice((0, 0, 1, 2, 3)))
    said = [replies.analysis(s.task, wrong[2], view, wrong[1]) for view in views]
    if said and s.rng.random() < 0.25 and (other := mutants.mutant(s.task.pipeline, s.rng)) is not None:
        said[0] = other.fault  # analyses are not always right
    return prompts.repair(s.problem, wrong[0], [wrong[1]], said), replies.code(s.task, style)


def _refine(s: Setting) -> Made:
    style = s.style
    attempts: list[prompts.Attempt] = []
    for _ in range(2):
        wrong = mutants.wrong_program(s.task, s.rng, s.examples, s.bounds, style)
        if wrong is not None:
            attempts.append(prompts.Attempt(wrong[0], wrong[1], wrong[2].fault if s.rng.random() < 0.7 else ""))
    return (prompts.refine(s.problem, attempts), replies.code(s.task, style)) if attempts else None


SKILLS: Mapping[str, tuple[float, Callable[[Setting], Made]]] = {
    "draft": (0.22, _draft),
    "copy": (0.03, _copy),
    "thought": (0.11, _thought),
    "from plan": (0.06, _from_plan),
    "from hint": (0.03, _from_hint),
    "plan": (0.07, _plan),
    "observations": (0.02, _observations),
    "restate": (0.02, _restate),
    "parts": (0.02, _parts),
    "expected": (0.26, _expected),
    "reckon": (0.02, _reckon),
    "inputs": (0.01, _inputs),
    "distinguish": (0.01, _distinguish),
    "analyse": (0.05, _analyse),
    "repair": (0.10, _repair),
    "refine": (0.01, _refine),
}


def _name(rng: Random) -> str:
    style = rng.random()
    if style < 0.4:
        return f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}"
    if style < 0.8:
        return rng.choice(VERBS + NOUNS)
    return f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}_{rng.choice(NOUNS)}"


def distinct(task: Task, rng: Random, count: int, bounds: Bounds) -> list[Any]:
    """Different inputs, up to ``count``."""
    values: list[Any] = []
    for _ in range(20 * count):
        if len(values) == count:
            break
        value = task.random_input(rng, bounds)
        if value not in values:
            values.append(value)
    return values
