"""Needles are where they should be, and what a model answers is judged by its last number."""

from __future__ import annotations

import ast
import re

import pytest

from atlas.engine import start
from atlas.tune.needle import DEPTHS, needle, recall
from atlas.tune.positions import lengths

TEXT = "".join(f"value_{i} = {i} + 1\n" for i in range(300))


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_needle_lies_at_its_depth_between_whole_lines(depth: float) -> None:
    hidden = needle(TEXT, 5000, depth, seed=3)
    assert abs(len(hidden.prompt) - 5000) <= 1
    name = re.search(r"does the function (\w+)\(\)", hidden.prompt)
    assert name
    at = hidden.prompt.index(f"\ndef {name[1]}():\n    return {hidden.value}\n")
    assert abs(at / 5000 - depth) < 0.06
    code = hidden.prompt.partition("\n")[2].rpartition("\n\nWhat does")[0].rpartition("\n")[0]
    assert ast.parse(code)


def test_names_and_values_are_drawn() -> None:
    made = [needle(TEXT, 3000, 0.5, seed) for seed in range(20)]
    assert len({hidden.value for hidden in made}) == 20
    assert needle(TEXT, 3000, 0.5, 7) == made[7]


def test_the_last_number_of_a_reply_counts() -> None:
    hidden = needle(TEXT, 3000, 0.5, 1)
    assert hidden.found(f"The function returns `{hidden.value}`.")
    assert hidden.found(f"Not 12345 but {hidden.value}")
    assert not hidden.found(f"{hidden.value}0")
    assert not hidden.found(f"{hidden.value} or 12345")
    assert not hidden.found("I do not know.")


def test_pieces_double() -> None:
    assert lengths(1024) == (256, 512, 1024)
    assert lengths(1500) == (256, 512, 1024)
    assert lengths(200) == (200,)


async def test_a_real_engine_is_asked_with_a_quantized_cache() -> None:
    told: list[tuple[int, int]] = []
    async with await start(slots=1, context=512, server="embedded", cache="q8_0") as engine:
        assert engine.describe()["flags"]["cache_type_k"] == "q8_0"
        rows = await recall(engine.client, TEXT, 512, 1, lambda done, of: told.append((done, of)), (0.2, 0.8))
    assert told == [(1, 2), (2, 2)]
    assert [(row.depth, row.asked) for row in rows] == [(0.2, 1), (0.8, 1)]
    # The prompts fill the context, and leave room for the answer.
    assert all(512 / 3 < row.tokens <= 512 - 64 for row in rows)
