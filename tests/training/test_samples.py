"""Training data: nothing held out gets in, replies are true, and every sentence of a prompt has other wordings."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from training.mutants import canonical, mutant, run, wrong_program
from training.samples import SKILLS, Setting, samples, setting
from training.spelling import pieces, visible
from training.wordings import WORDINGS, reword

from atlas.bench.world import pipeline as pipelines
from atlas.bench.world.program import Style
from atlas.llm.parse import extract_asserts, extract_list, extract_program
from atlas.problem import Call
from atlas.search import prompts
from training import replies
from training import samples as making

TEMPLATES = Path(prompts.__file__).parent


def settings(seed: int, count: int, *, low: int = 2, high: int = 5) -> list[Setting]:
    rng = Random(seed)
    drawn = (pipelines.draw(rng, rng.randint(low, high), want_held_out=False, edges=0.5) for _ in range(count))
    return [setting(p, rng) for p in drawn]


def test_no_training_sample_is_of_a_held_out_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[pipelines.Pipeline] = []
    real = pipelines.draw

    def spy(*args: Any, **kwargs: Any) -> pipelines.Pipeline:
        drawn.append(real(*args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(making, "draw", spy)
    skills = Counter(s.skill for s in islice(samples(Random(5)), 900))
    assert set(skills) == set(SKILLS)
    skills = Counter(s.skill for s in islice(samples(Random(6), drills=0.8), 200))
    assert skills["steps"] > 40
    assert len(drawn) >= 500
    assert not any(pipelines.held_out(p.names) for p in drawn)


def test_no_wrong_program_in_a_prompt_is_of_a_held_out_composition() -> None:
    rng, mutants = Random(6), 0
    while mutants < 200:
        found = mutant(pipelines.draw(rng, rng.randint(2, 4), want_held_out=False), rng)
        if found is not None:
            mutants += 1
            assert not pipelines.held_out(found.pipeline.names)


def test_what_is_shown_as_failing_fails_and_the_reply_does_not() -> None:
    checked = 0
    for s in settings(7, 60):
        wrong = wrong_program(s.task, s.rng, s.examples, s.bounds, Style.STEPS)
        if wrong is None or not isinstance(wrong[1].input, Call):
            continue
        checked += 1
        code, failure, _ = wrong
        (value,) = failure.input.args
        assert failure.got != failure.expected
        assert run(code, s.task, value) == failure.got
        made = SKILLS["repair"][1](s)
        reply = made and extract_program(made[1], s.task.function)
        assert not reply or run(reply, s.task, value) == failure.expected
    assert checked > 15


def test_replies_to_expected_outputs_are_true_and_follow_their_working() -> None:
    checked = 0
    for s in settings(8, 60):
        made = SKILLS["expected"][1](s)
        if s.task.function is None or made is None:
            continue
        reply = visible(made[1])
        for call, value in extract_asserts(reply, s.task.function):
            checked += 1
            assert value == s.task.pipeline.output(*call.args)
        steps = [canonical(step) for step in s.task.pipeline.steps]
        named = [line for line in reply.split("\n") if any(line.startswith(f"# {step}: ") for step in steps)]
        assert len(named) == len(steps) * reply.count("assert ")
    assert checked > 40


def test_a_thought_ends_in_the_plan_of_the_program_that_follows() -> None:
    for s in settings(9, 40):
        _, reply = SKILLS["thought"][1](s)
        (_, _), (shown, shown_is_learned), (rest, rest_is_learned) = pieces(reply)
        thought, _, program = rest.partition("</think>\n")
        assert shown.startswith("<think>\n")
        assert (shown_is_learned, rest_is_learned) == (False, True)
        assert extract_program(program, s.task.function) is not None
        if not shown.removeprefix("<think>\n"):
            assert len(extract_list(thought)) == len(s.task.pipeline.steps) + (s.task.pipeline.edge is not None)


def test_a_drill_of_steps_gives_the_lines_of_a_trace_and_leaves_the_work_to_learn() -> None:
    checked = 0
    for s in settings(10, 40, low=1, high=2):
        value = s.values(1, 1)[0]
        lines = [f"# {visible(line)}" for line in replies.traced(s.task, value)]
        text = replies.drill(s.task, value, "# ")
        assert visible(text) == "\n".join([*lines, ""])
        learned = "".join(piece for piece, is_learned in pieces(text) if is_learned)
        assert visible(learned) == "".join(f"{line.partition(':')[2]}\n" for line in lines[1:])
        checked += 1
    assert checked == 40


def test_the_same_seed_makes_the_same_samples() -> None:
    assert list(islice(samples(Random(3)), 9)) == list(islice(samples(Random(3)), 9))


@pytest.mark.parametrize(
    "template",
    sorted(p for p in TEMPLATES.glob("*.j2") if p.stem != "question"),  # the model's world has no questions
    ids=lambda p: p.stem,
)
def test_every_sentence_of_a_template_has_other_wordings(template: Path) -> None:
    fixed = re.sub(r"\{[{%].*?[%}]\}", "\n", template.read_text())
    # What is left between the placeholders: sentences, headings, and marks without words.
    pieces = [p.strip() for p in fixed.split("\n")]
    plain = {"", "```python", "```", "==", "Input:", "Output:", "Given code:", "Test input", ":", "gave", "but", "-"}
    missing = [p for p in pieces if p not in plain and not any(s in p or p in s for s in WORDINGS)]
    assert missing == []


def test_rewording_changes_the_request_and_keeps_the_problem() -> None:
    text = "Write a Python function.\nSort xs.\nReply with the code only, in one Python block."
    changed = reword(text, Random(1), keep=0.0)
    assert "Sort xs." in changed
    assert "Write a Python function." not in changed
    assert reword(text, Random(1), keep=1.0) == text
