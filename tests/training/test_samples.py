"""Training data: nothing held out gets in, replies are true, and every sentence of a prompt has other wordings."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from training.samples import sample
from training.wordings import WORDINGS, reword

from atlas.bench.world import pipeline as pipelines
from atlas.search import prompts
from training import samples

TEMPLATES = Path(prompts.__file__).parent


def test_no_training_sample_is_of_a_held_out_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[pipelines.Pipeline] = []
    real = pipelines.draw

    def spy(*args: Any, **kwargs: Any) -> pipelines.Pipeline:
        drawn.append(real(*args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(samples, "draw", spy)
    rng = Random(5)
    skills = Counter(sample(rng).skill for _ in range(400))
    assert set(skills) == {"draft", "expected", "repair", "inputs"}
    assert len(drawn) >= 400
    assert not any(pipelines.held_out(p.names) for p in drawn)


def test_no_wrong_program_in_a_repair_prompt_is_of_a_held_out_composition() -> None:
    rng, mutants = Random(6), 0
    while mutants < 200:
        mutant = samples._mutant(pipelines.draw(rng, rng.randint(2, 4), want_held_out=False), rng)
        if mutant is not None:
            mutants += 1
            assert not pipelines.held_out(mutant.names)


def test_replies_to_expected_outputs_are_true() -> None:
    rng, checked = Random(8), 0
    while checked < 40:
        made = sample(rng)
        if made.skill != "expected" or "assert" not in made.reply:
            continue
        checked += 1
        for line in made.reply.split("\n"):
            if line.startswith("# "):
                last = line.split(" -> ")[-1]
            elif line.startswith("assert"):
                assert line.endswith(f"== {last}")


def test_the_same_seed_makes_the_same_samples() -> None:
    assert [sample(Random(3)) for _ in range(5)] == [sample(Random(3)) for _ in range(5)]


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.j2")), ids=lambda p: p.stem)
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
