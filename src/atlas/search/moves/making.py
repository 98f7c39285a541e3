"""Makers of inputs, for the moves that need some: neighbours of known ones, values from annotations, a model's own.

Pure and seeded; nothing here says what a right program answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from atlas.llm.parse import extract_blocks, extract_calls
from atlas.problem import Call, FunctionProblem, Input, Problem, Stdin
from atlas.search.moves.edges import edge, shows_negative
from atlas.search.moves.stdin_text import neighbour
from atlas.search.moves.values import maker, mutated
from atlas.search.outputs import arity_fits, input_key, usable
from atlas.structures import Shape, canonical, shapes

Make: TypeAlias = Callable[[random.Random], Input]

_TRIES = 20
_WIDENED = 3


def distinct(
    make_from: Callable[[Sequence[Input]], Make | None],
    inputs: Sequence[Input],
    rng: random.Random,
    known: Sequence[Input],
    count: int,
) -> list[Input]:
    """Up to ``count`` different inputs, none of them ``known``, by the maker that ``make_from`` makes from ``inputs``.

    Where that maker knows too few, as neighbours of a single small number are, it is made anew from what it found.
    """
    names = {input_key(i) for i in known}
    found: list[Input] = []
    for _ in range(_WIDENED):
        make = make_from([*inputs, *found])
        if make is None or len(found) == count:
            break
        found += _fresh(make, rng, names, count - len(found))
    return found


def _fresh(make: Make, rng: random.Random, known: set[str], count: int) -> Iterator[Input]:
    for _ in range(_TRIES * count):
        input = make(rng)
        if usable(input) and input_key(input) not in known:
            known.add(input_key(input))
            count -= 1
            yield input
        if count == 0:
            return


def neighbours(inputs: Sequence[Input], shown: Sequence[Input], problem: Problem | None = None) -> Make | None:
    """Changes of ``inputs``, one to three steps away; arguments may come from different ones. None without any.

    A step is a small change or an edge case. Edge cases are below zero only where one of ``shown`` is. Arguments that
    ``problem`` has as linked lists and trees are in the canonical form of such.
    """
    calls = [i for i in inputs if isinstance(i, Call)]
    texts = [i for i in inputs if isinstance(i, Stdin)]
    negatives = any(shows_negative(i) for i in shown)
    if calls and all(len(c.args) == len(calls[0].args) > 0 for c in calls):
        forms = shapes(problem.signature) if isinstance(problem, FunctionProblem) else ()
        if any(forms):
            return lambda rng: _in_form(_near_call(calls, negatives, rng), forms)
        return lambda rng: _near_call(calls, negatives, rng)
    if texts:
        return lambda rng: Stdin(neighbour(rng.choice(texts).text, rng, negatives=negatives))
    return None


def generator(problem: Problem) -> Make | None:
    """Values from the annotations, where every parameter has one that says enough."""
    if not isinstance(problem, FunctionProblem):
        return None
    makers = [maker(p.annotation) for p in problem.signature.parameters]
    known = [m for m in makers if m is not None]
    return (lambda rng: Call(tuple(m(rng) for m in known))) if len(known) == len(makers) else None


def read_inputs(problem: Problem, text: str) -> list[Input]:
    """The inputs in a model's reply: calls of the problem's function, or blocks of standard input."""
    if not isinstance(problem, FunctionProblem):
        return [Stdin(block) for block in extract_blocks(text)]
    calls = extract_calls(text, problem.signature.name)
    return [c for c in calls if arity_fits(c, len(problem.signature.parameters))]


def _near_call(calls: Sequence[Call], negatives: bool, rng: random.Random) -> Call:
    args = list(rng.choice(calls).args)
    if len(calls) > 1 and rng.random() < 0.3:
        place = rng.randrange(len(args))
        args[place] = rng.choice(calls).args[place]
    for _ in range(rng.choice([1, 1, 2, 3])):
        place = rng.randrange(len(args))
        if rng.random() < 0.2:
            args[place] = edge(args[place], rng, negatives=negatives)
        else:
            args[place] = mutated(args[place], rng)
    return Call(tuple(args))


def _in_form(call: Call, forms: Sequence[Shape | None]) -> Call:
    return Call(tuple(map(canonical, forms, call.args)) if len(forms) == len(call.args) else call.args)
