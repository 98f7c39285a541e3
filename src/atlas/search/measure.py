"""From the pool's outcomes to the arrays that the evidence takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atlas.problem import Input, Value
from atlas.sandbox.types import Status
from atlas.search.evidence import EXCEPTION, LIMIT, NONE, UNKNOWN, Array, Outcomes
from atlas.search.outputs import LIMITS, class_of, output
from atlas.search.pool import Pool


def measure(pool: Pool) -> Outcomes:
    """The pool as arrays: candidates in the pool's order, inputs likewise (the examples' come first)."""
    return Outcomes(
        examples=_passes(pool, [(e.input, e.output) for e in pool.examples]),
        outputs=_outputs(pool),
        tests=_passes(pool, [(t.input, t.expected) for t in pool.tests]),
        test_weights=np.array([t.votes / t.voters for t in pool.tests], dtype=np.float64),
        multiplicity=np.array([m.weight for m in pool.members], dtype=np.float64),
        derived=np.array([m.drawn == 0 for m in pool.members], dtype=bool),
        loads=loads(pool),
    )


def _outputs(pool: Pool) -> Array:
    classes: dict[str, int] = {}  # one numbering for all inputs, so that a constant output is seen as one
    codes = np.full((len(pool.members), len(pool.inputs)), UNKNOWN, dtype=np.int64)
    for x in range(len(pool.inputs)):
        for u in range(len(pool.members)):
            codes[u, x] = _code(pool, u, x, classes)
    return codes


def _code(pool: Pool, member: int, input: int, classes: dict[str, int]) -> int:
    """The number of an output's class, or what kind of no output it was."""
    seen = pool.observation(member, input)
    if seen is None:
        return UNKNOWN
    if seen.status is not Status.OK:
        return LIMIT if seen.status in LIMITS else EXCEPTION
    value = output(pool.inputs[input], seen)
    if value is None:
        return NONE
    return classes.setdefault(class_of(pool.inputs[input], value), len(classes))


def _passes(pool: Pool, cases: Sequence[tuple[Input, Value]]) -> Array:
    table = np.full((len(pool.members), len(cases)), UNKNOWN, dtype=np.int64)
    for u in range(len(pool.members)):
        for t, (input, expected) in enumerate(cases):
            passed = pool.passes(u, input, expected)
            if passed is not None:
                table[u, t] = passed
    return table


def loads(pool: Pool) -> Array:
    """(k,) bool: False for members that were seen not to load."""

    def known_to(member: int) -> bool:
        seen = [pool.observation(member, x) for x in range(len(pool.inputs))]
        return not any(o is not None and o.status is Status.NO_LOAD for o in seen)

    return np.array([known_to(u) for u in range(len(pool.members))], dtype=bool)
