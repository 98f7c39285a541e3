"""What traces say on the way to a value is true, and the value can be read from it."""

from __future__ import annotations

import re
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from training.notation import LABELS, THEN, TooLong, told
from training.reckoning import over, plus, times
from training.spelling import LABEL

from atlas.bench.world.kinds import Bounds, Kind, in_bounds, random_value
from atlas.bench.world.pipeline import compiled
from atlas.bench.world.primitive import Primitive, Step
from atlas.bench.world.steps import all_steps
from training import worked

STEPS = [pytest.param(p, id=name) for name, p in all_steps().items()]


def lines(primitive: Primitive, count: int = 25) -> list[tuple[Any, Any, str]]:
    """Values, results and how they are worked out."""
    rng, found = Random(primitive.name), list[tuple[Any, Any, str]]()
    while len(found) < count:
        step = Step(primitive, primitive.draw(rng))
        value = random_value(primitive.source, rng, Bounds(items=(0, 6), magnitude=rng.choice((20, 900))))
        if primitive.source is Kind.INT and rng.random() < 0.3:
            value = -value
        result = compiled(primitive.name, tuple(step.params.items()))(value)
        if in_bounds(result):
            with suppress(TooLong):
                found.append((value, result, worked.worked(step, value, result)))
    return found


@pytest.mark.parametrize("primitive", STEPS)
def test_a_line_ends_in_the_result(primitive: Primitive) -> None:
    for _, result, line in lines(primitive):
        assert line.rpartition(THEN)[2] == told(result)


@pytest.mark.parametrize("primitive", STEPS)
def test_every_sum_product_and_quotient_on_the_way_is_right(primitive: Primitive) -> None:
    for _, _, line in lines(primitive):
        for sum_ in re.findall(r"(?<![\d*/r+-])-?\d+(?:[*+-]\d+)+=-?\d+(?![\d-])", line):
            left, _, right = sum_.partition("=")
            assert eval(left) == int(right)
        for a, k, quotient, rest in re.findall(r"(?<!\d)(-?\d+)/(\d+)=(-?\d+)r(\d+)", line):
            assert divmod(int(a), int(k)) == (int(quotient), int(rest))


def test_large_numbers_are_reckoned_by_columns() -> None:
    assert plus(281, 19) == "281+19~1+9=10,8+1+1=10,2+0+1=3=300"
    assert plus(-17, 5) == "-17+5:17-5~7-5=2,1-0=1=12=-12"
    assert plus(12, -9) == "12-9~2-9=3-,1-0-1=0=3"
    assert times(83, 7) == "83*7~3*7=21,8*7+2=58=581"
    assert over(-31, 4) == "-31/4:31/4~3/4=0r3,31/4=7r3=7r3=-8r1"


def test_no_work_is_of_a_step_that_is_not_there() -> None:
    assert worked._WORK.keys() <= all_steps().keys()  # pyright: ignore[reportPrivateUsage]
    assert worked.worked(Step(all_steps()["text_alphabet_sum"], {}), "aB", 3).startswith(f"{LABEL}Aa1{LABEL}BB2;")


def test_items_are_named_in_order_and_rearranged_by_name() -> None:
    step = Step(all_steps()["ints_reverse"], {})
    line = worked.worked(step, [5, -3, 12], [12, -3, 5])
    assert line.replace(LABEL, " ") == " AC12 BB-3 CA5; A12 B-3 C5"
    keep = Step(all_steps()["ints_even"], {})
    assert worked.worked(keep, [4, 3, 8], [4, 8]).replace(LABEL, " ") == " A4A B3. C8B; A4 B8"


def test_a_value_with_more_items_than_labels_is_refused() -> None:
    assert told("x" * len(LABELS)).count(LABEL) == len(LABELS)
    with pytest.raises(TooLong):
        told("x" * (len(LABELS) + 1))
