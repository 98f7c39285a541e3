"""The generated world: programs mean what the pipeline means, and the split holds."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from random import Random
from typing import Any

import pytest

from atlas.bench import home
from atlas.bench.suites import smallworld
from atlas.bench.suites.smallworld import HIDDEN_TESTS, make
from atlas.bench.world.kinds import Kind, in_bounds, random_value
from atlas.bench.world.pipeline import Pipeline, draw, held_out
from atlas.bench.world.primitive import Step
from atlas.bench.world.program import Style, program
from atlas.bench.world.steps import all_steps
from atlas.bench.world.tasks import Task, Telling, draw_task
from atlas.problem import Call, FunctionProblem, Stdin


def run_own_program(code: str, task: Task, value: Any) -> Any:
    """Our own generated text, so it runs in-process."""
    given = task.as_input(value)
    if isinstance(given, Call):
        scope: dict[str, Any] = {}
        exec(code, scope)
        return scope[task.function](*given.args)
    lines, out = iter(given.text.split("\n")), io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {"input": lambda: next(lines)})
    return out.getvalue()


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("function", [True, False], ids=["function", "stdin"])
def test_every_style_of_program_computes_what_the_pipeline_does(style: Style, function: bool) -> None:
    rng = Random(f"{style}{function}")
    for _ in range(60):
        task = draw_task(
            (pipeline := draw(rng, rng.randint(1, 6), edges=0.5)),
            rng,
            function=function,
            telling=Telling.drawn(rng, pipeline),
        )
        code = program(task, style)
        for _ in range(3):
            value = task.random_input(rng)
            want = task.as_output(task.pipeline.output(value))
            got = run_own_program(code, task, value)
            assert (got == want and type(got) is type(want)) if function else got.split() == want.split(), code


@pytest.mark.parametrize("name", list(all_steps()))
def test_every_step_runs_on_random_values_and_says_so_in_several_ways(name: str) -> None:
    rng, primitive = Random(name), all_steps()[name]
    assert len(set(primitive.phrases)) >= 2
    step = Step(primitive, primitive.draw(rng))
    assert "$" not in step.phrase(rng)
    outputs = [
        trace[1]
        for value in (random_value(primitive.source, rng) for _ in range(60))
        if (trace := Pipeline((step,)).trace(value))
    ]
    kinds = {Kind.INT: int, Kind.TEXT: str, Kind.BOOL: bool, Kind.INTS: list, Kind.WORDS: list}
    assert {type(o) for o in outputs} == {kinds[primitive.target]}
    assert len({repr(o) for o in outputs}) > 1


def test_about_a_fifth_of_the_compositions_is_held_out_and_no_single_step() -> None:
    names = list(all_steps())
    assert not any(held_out([n]) for n in names)
    share = sum(held_out([a, b]) for a in names for b in names) / len(names) ** 2
    assert 0.17 < share < 0.23


def test_a_suite_is_reproducible_and_a_prefix_of_a_larger_one() -> None:
    made, other = make(3, 30), make(4, 30)
    assert made == make(3, 40)[:30]
    assert made[0][0].statement != other[0][0].statement


def test_the_suite_draws_held_out_compositions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Pipeline] = []

    def spy(*args: Any, **kwargs: Any) -> Pipeline:
        drawn.append(draw(*args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(smallworld, "draw", spy)
    make(9, 60)
    assert len(drawn) >= 60
    assert all(held_out(p.names) for p in drawn)


def test_hidden_tests_are_apart_from_the_examples_and_tell_constants_apart() -> None:
    for problem, key in make(5, 60):
        inputs = [t.input for t in key.tests]
        assert len(inputs) == HIDDEN_TESTS
        assert all(e.input not in inputs for e in problem.examples)
        assert len({repr(t.expected) for t in key.tests}) > 1
        assert (len(problem.examples) == 2) == (problem.tags["examples"] == "with")
        assert isinstance(inputs[0], Call if isinstance(problem, FunctionProblem) else Stdin)


def test_bounds_reject_what_is_too_large() -> None:
    assert in_bounds([1, 2])
    assert not in_bounds(10**8)
    assert not in_bounds([0] * 100)
    assert not in_bounds("x" * 100)


def test_the_shipped_suite_is_what_its_maker_makes(tmp_path: Path) -> None:
    shipped = home.shipped_suite("smallworld")
    again = home.SuitePaths("smallworld", tmp_path / "suite", tmp_path / "keys")
    smallworld.write(again, seed=1, count=260)
    for old, new in ((shipped.problems, again.problems), (shipped.keys, again.keys)):
        for file in old.iterdir():
            assert (new / file.name).read_bytes() == file.read_bytes(), file.name
