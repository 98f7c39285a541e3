"""More inputs for the programs of a recorded problem, without a model: what a search would try on them.

From the statement: seeded neighbours of its examples, and values made from the signature's annotations. Where it has
neither, several guesses at the types; which of them is right shows when the programs are run. From each test-writing
completion: neighbours of the inputs that it wrote, so that a draw of a few completions has no inputs from the others.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from atlas.bench.replay.asked import Asked
from atlas.bench.replay.recorded import Recorded
from atlas.bench.replay.texts import calls_in
from atlas.problem import FunctionProblem, Input, Parameter, Signature
from atlas.search.moves.making import distinct, generator, neighbours
from atlas.search.outputs import input_key, usable
from atlas.search.settings import derived_seed

_NEAR, _GENERATED, _GUESSED, _WRITTEN = 20, 20, 8, 8
"""Inputs to make from the examples, from the annotations, from each guess at the types, from each completion."""
_TYPES = ("int", "str", "list[int]", "list[str]", "float")
_MOST_GUESSES = 25


@dataclass(frozen=True, slots=True)
class MoreInputs:
    """Distinct inputs, and which of them (indices) come from where.

    ``examples`` are the statement's own, in its order; ``stated`` follow from the statement; each of ``guesses`` is
    one guess at the types; ``written`` holds for each test-writing completion what follows from its inputs.
    """

    calls: tuple[Input, ...]
    examples: tuple[int, ...]
    stated: tuple[int, ...]
    guesses: tuple[tuple[int, ...], ...]
    written: tuple[tuple[int, ...], ...]


def more_inputs(problem: Recorded) -> MoreInputs:
    """Make inputs; the same for the same problem."""
    asked = problem.asked
    found: dict[str, int] = {}
    calls: list[Input] = []

    def known(inputs: Sequence[Input]) -> tuple[int, ...]:
        for call in inputs:
            if found.setdefault(input_key(call), len(calls)) == len(calls):
                calls.append(call)
        return tuple(found[input_key(i)] for i in inputs)

    def seeded(*name: object) -> random.Random:
        return random.Random(derived_seed(problem.id, *name))

    shown = [e.input for e in asked.examples]
    stated = _near(shown, seeded("examples"), _NEAR, asked) if shown else []
    stated += _made(asked.signature, seeded("annotations"), _GENERATED)
    guesses = [] if stated else [_made(s, seeded(str(s)), _GUESSED) for s in _guesses(asked.signature)]
    written = [
        _near(_calls(problem, tests), seeded("written", *sorted(tests)), _WRITTEN, asked)
        for tests in problem.sample_tests
    ]
    examples, of_statement = known(shown), known(stated)
    return MoreInputs(
        examples=examples,
        stated=of_statement,
        guesses=tuple(known(inputs) for inputs in guesses if inputs),
        written=tuple(known(inputs) for inputs in written),
        calls=tuple(calls),
    )


def _near(inputs: Sequence[Input], rng: random.Random, count: int, asked: Asked) -> list[Input]:
    problem = None if asked.signature is None else _problem(asked.signature)
    return distinct(lambda some: neighbours(some, inputs, problem), inputs, rng, inputs, count) if inputs else []


def _made(signature: Signature | None, rng: random.Random, count: int) -> list[Input]:
    """Values from the annotations; none where one is missing or says too little."""
    if signature is None or not signature.parameters:
        return []
    make = generator(_problem(signature))
    return [] if make is None else distinct(lambda _: make, [], rng, [], count)


def _problem(signature: Signature) -> FunctionProblem:
    return FunctionProblem("", "", signature)


def _guesses(signature: Signature | None) -> list[Signature]:
    """Every way to annotate what is not annotated; where they are too many, all alike."""
    if signature is None:
        return []
    bare = [p for p in signature.parameters if not p.annotation]
    ways: list[tuple[str, ...]] = [(t,) * len(bare) for t in _TYPES]
    if len(_TYPES) ** len(bare) <= _MOST_GUESSES:
        ways = list(itertools.product(_TYPES, repeat=len(bare)))
    return [_annotated(signature, dict(zip((p.name for p in bare), way, strict=True))) for way in ways]


def _annotated(signature: Signature, types: dict[str, str]) -> Signature:
    named: Callable[[Parameter], Parameter] = lambda p: replace(p, annotation=types.get(p.name, p.annotation))  # noqa: E731
    return replace(signature, parameters=tuple(map(named, signature.parameters)))


def _calls(problem: Recorded, tests: Sequence[int]) -> list[Input]:
    """The inputs of some tests, as far as they are calls with literals."""
    places = dict.fromkeys(int(problem.test_inputs[t]) for t in tests)
    found = [c for i in places if i >= 0 for c in calls_in(problem.inputs[i], problem.asked.entry)]
    return [c for c in found if usable(c)]
