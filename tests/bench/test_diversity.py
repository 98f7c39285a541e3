"""What the diversity benchmark counts, against every subset there is, and over a recorded run without a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from bench_fixture import answer, small_suite, spec_for
from benchmarks import diversity
from scripted_server import ScriptedServer

from atlas.bench.events import Event
from atlas.bench.run import run


@pytest.mark.parametrize(("sizes", "n"), [([3, 2, 1], 6), ([3, 2], 6), ([1] * 5, 5), ([4], 4), ([0], 3), ([], 3)])
def test_groups_that_a_draw_touches(sizes: list[int], n: int):
    groups = [place for place, size in enumerate(sizes) for _ in range(size)]
    drawn = [*groups, *[None] * (n - len(groups))]
    for k in range(1, n + 1):
        every = [len({g for g in some if g is not None}) for some in combinations(drawn, k)]
        assert diversity._touched(sizes, n, k) == pytest.approx(fmean(every))
    assert diversity._touched(sizes, n, n + 3) == pytest.approx(sum(size > 0 for size in sizes))


def talkative(body: Mapping[str, Any], index: int) -> str:
    """A model that plans when it is asked to."""
    words = "no code" in str(body["messages"][-1]["content"])
    return "1. Take x.\n2. Compute with it.\n3. Return what came out." if words else answer(body, index)


@pytest.fixture
def model() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer=talkative) as server:
        yield server


async def recorded(url: str) -> Path:
    small_suite()
    arms = diversity.arms(programs=4, thought=16)

    def drop(_: Event) -> None:
        """Watch nothing."""

    return (await run(spec_for(url, *arms, limit=2), drop)).root


def test_the_tables_of_a_recorded_run(
    atlas_home: Path, tmp_path: Path, model: ScriptedServer, monkeypatch: pytest.MonkeyPatch
):
    import asyncio

    root = asyncio.run(recorded(model.url))
    asked = len(model.requests)
    options = ["--from", root.name, "--programs", "4", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["diversity.py", *options])
    diversity.main()
    assert len(model.requests) == asked
    found = json.loads((tmp_path / "diversity.json").read_text())
    # One problem is always right and always the same; of the other every second sample is.
    plain = found["by_k"]["sampling"]
    assert plain["behaviours"] == {"1": 1.0, "2": pytest.approx(1 + 4 / 6 / 2, abs=1e-4), "4": 1.5}
    assert plain["oracle"] == {"1": 0.75, "2": pytest.approx((1 + 5 / 6) / 2, abs=1e-4), "4": 1.0}
    # The example tells right from wrong, so the choice is right wherever any of the draw is; one alone is what it is.
    assert plain["selected"]["4"] == 1.0
    assert 0.5 < plain["selected"]["1"] < 1.0
    assert found["problems"] == 2
    assert set(found["tokens_a_program"]) == set(diversity.WAYS)
