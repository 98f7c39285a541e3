"""The ablation's command: every arm that it names over real processes, and its files made again without a model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_fixture import answer, small_suite, spec_for
from benchmarks import ablation
from scripted_server import ScriptedServer

from atlas.bench.events import Event
from atlas.bench.run import run
from atlas.bench.spec import parse_arm

HEADLINE = (
    "greedy", "phase1", "phase12", "phase13", "full", "best_of_n", "oracle", "gain", "gain_low", "gain_high",
    "over_best_of_n", "over_best_of_n_low", "over_best_of_n_high", "tokens_ratio", "problems", "seeds",
)  # fmt: skip


@pytest.fixture
def model() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer=answer) as server:
        yield server


def drop(_: Event) -> None:
    """Watch nothing."""


async def recorded(model: ScriptedServer) -> Path:
    """A finished run of all arms over the first two problems."""
    small_suite()
    return (await run(spec_for(model.url, *map(parse_arm, ablation.ARMS), limit=2), drop)).root


def test_the_tables_come_again_from_a_recorded_run(
    atlas_home: Path,
    tmp_path: Path,
    model: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    import asyncio

    root = asyncio.run(recorded(model))
    asked = len(model.requests)
    monkeypatch.setattr("sys.argv", ["ablation.py", "--from", root.name, "--out", str(tmp_path / "results")])
    ablation.main()
    assert len(model.requests) == asked
    line = json.loads((tmp_path / "results" / "headline.json").read_text())
    assert list(line)[: len(HEADLINE)] == list(HEADLINE)
    # The first problem is always right, of the second every other draft that is not greedy.
    assert (line["greedy"], line["full"], line["oracle"], line["gain"]) == (50.0, 100.0, 100.0, 50.0)
    assert (line["gain_low"], line["gain_high"]) == (None, None)  # two problems tell nothing
    assert (line["problems"], line["seeds"]) == (2, 1)
    printed = capsys.readouterr().out
    text = (tmp_path / "results" / "ablation.txt").read_text()
    assert text.strip() in printed
    assert json.loads(printed.splitlines()[-1]) == line
    for words in (
        "gap closed",
        "control with its tokens",
        "rescued",
        "under 10 problems",
        "best-of-n-match_total-full",
    ):
        assert words in text
    everything = json.loads((tmp_path / "results" / "ablation.json").read_text())
    assert [row["arm"] for row in everything["summary"]["rows"]] == [parse_arm(arm).name for arm in ablation.ARMS]
    assert everything["manifest"]["id"] == root.name


def test_a_run_that_is_not_finished_has_no_tables(atlas_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.argv", ["ablation.py", "--from", "nothing"])
    with pytest.raises(SystemExit, match="is no finished run"):
        ablation.main()


def test_a_run_of_other_arms_is_refused_by_name(
    atlas_home: Path, model: ScriptedServer, monkeypatch: pytest.MonkeyPatch
):
    import asyncio

    small_suite()
    arms = map(parse_arm, ("single", "sampled", "thinking-only", "phase1", "phase1+2", "phase1+3", "full"))
    root = asyncio.run(run(spec_for(model.url, *arms, limit=1), drop)).root
    monkeypatch.setattr("sys.argv", ["ablation.py", "--from", root.name])
    missing = ", ".join(parse_arm(arm).name for arm in ablation.ARMS if ":match" in arm)
    with pytest.raises(SystemExit, match=re.escape(f"it has no arm {missing}.")):
        ablation.main()
