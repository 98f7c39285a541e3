"""Arms that share what they ask alike: over real processes, held against the same run without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fixture import answer, small_suite, spec_for
from scripted_server import ScriptedServer

from atlas.bench.audit import audit
from atlas.bench.consumed import NOTHING_KNOWN
from atlas.bench.events import Event
from atlas.bench.job import Job
from atlas.bench.run import RunResult, resume, run
from atlas.bench.solving import lenders
from atlas.bench.spec import RunFiles, check, parse_arm
from atlas.bench.speed import NO_SPEED
from atlas.bench.summary import summarize
from atlas.errors import UsageError
from atlas.store.tape import Tape

ARMS = [parse_arm(arm) for arm in ("single", "best-of-n:n=3", "best-of-n:n=3,greedy=false", "best-of-n:n=5")]


@pytest.fixture
def model() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer=answer) as server:
        yield server


def drop(_: Event) -> None:
    """Watch nothing."""


def handed_over(result: RunResult) -> dict[str, bytes]:
    files = RunFiles.at(result.root)
    return {arm.name: files.submissions(arm.name, 0).read_bytes() for arm in ARMS}


async def test_shared_arms_hand_over_the_same_for_fewer_requests(atlas_home, model: ScriptedServer):
    small_suite()
    apart = await run(spec_for(model.url, *ARMS), drop)
    asked_apart = len(model.requests)
    together = await run(spec_for(model.url, *ARMS, share=True), drop)
    asked_together = len(model.requests) - asked_apart
    assert handed_over(together) == handed_over(apart)
    # All but the third begin with four greedy programs, which are asked for once. One problem has no example, so three
    # arms ask for inputs to it. Nothing else is alike.
    assert asked_apart - asked_together == 2 * 4 + 2
    assert [row.requests for row in together.summary.rows] == [row.requests for row in apart.summary.rows]
    # Every tape is whole, so an audit finds everything there.
    assert (await audit(together.root, drop)).passed


async def test_what_was_shared_has_no_times(atlas_home, model: ScriptedServer):
    small_suite()
    result = await run(spec_for(model.url, *ARMS[:2], share=True), drop)
    for row in result.summary.rows:
        assert row.seconds is None
        assert row.consumed == NOTHING_KNOWN
        assert row.speed == NO_SPEED
    assert any("took over from each other" in warning for warning in result.summary.warnings)


async def test_matched_arms_and_seeds_share_and_each_tape_is_whole(atlas_home, model: ScriptedServer):
    small_suite()
    arms = [parse_arm(arm) for arm in ("best-of-n:n=4", "best-of-n:match=best-of-n-n4,batch=1")]
    apart = await run(spec_for(model.url, *arms, seeds=(0, 1)), drop)
    before = len(model.requests)
    together = await run(spec_for(model.url, *arms, seeds=(0, 1), share=True), drop)
    assert len(model.requests) - before < before
    for arm in arms:
        for seed in (0, 1):
            mine, other = (RunFiles.at(r.root).submissions(arm.name, seed).read_bytes() for r in (together, apart))
            assert mine == other
    # Each tape is whole by itself, whoever asked.
    for tape in (together.root / "tapes").iterdir():
        with (
            Tape.open(tape, readonly=True) as mine,
            Tape.open(apart.root / "tapes" / tape.name, readonly=True) as other,
        ):
            assert [key for key, _ in mine.records("exchange")] == [key for key, _ in other.records("exchange")]


async def test_a_shared_run_that_was_stopped_goes_on(atlas_home, model: ScriptedServer):
    small_suite()
    whole = await run(spec_for(model.url, *ARMS, share=True), drop)
    stopped = await run(spec_for(model.url, *ARMS, share=True), drop)
    files = RunFiles.at(stopped.root)
    files.seal.unlink()
    for arm in ARMS[2:]:
        files.submissions(arm.name, 0).unlink()
        files.tape(arm.name, 0).unlink()
    again = await resume(stopped.root, drop)
    assert handed_over(again) == handed_over(whole)


def test_a_deadline_would_treat_arms_unlike():
    with pytest.raises(UsageError, match="no deadline"):
        check(spec_for("http://127.0.0.1:9/v1", *ARMS, share=True, deadline_s=5.0))


async def test_only_arms_of_one_model_lend_to_each_other(atlas_home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here, there = parse_arm("single"), parse_arm("openai/other:single")
    files = RunFiles.at(tmp_path)
    for arm in (here, there):
        files.submissions(arm.name, 0).parent.mkdir(exist_ok=True)
        files.submissions(arm.name, 0).write_text("")
    spec = spec_for("http://127.0.0.1:9/v1", here, there, ARMS[1], share=True)
    job = Job(tmp_path, tmp_path, tmp_path, spec, ())
    assert lenders(job, ARMS[1], 0) == [files.tape(here.name, 0)]
    assert lenders(job, replace(there, name="another"), 0) == [files.tape(there.name, 0)]
    assert lenders(job, ARMS[1], 1) == []


async def test_a_table_of_some_arms_is_as_if_there_were_no_others(atlas_home, model: ScriptedServer):
    small_suite()
    arms = [parse_arm(arm) for arm in ("single", "best-of-n:n=5", "best-of-n:match=single,batch=1")]
    result = await run(spec_for(model.url, *arms), drop)
    assert [c.arm for row in result.summary.rows for c in row.controls] == ["best-of-n-match-single-batch1"]
    some = summarize(RunFiles.at(result.root), ["single", "best-of-n-n5"])
    assert [row.arm for row in some.rows] == ["single", "best-of-n-n5"]
    assert not any(row.controls for row in some.rows)
    turned = summarize(RunFiles.at(result.root), ["best-of-n-n5", "single"])
    assert [row.against_first is None for row in turned.rows] == [True, False]
    with pytest.raises(UsageError, match="has no arm 'full'"):
        summarize(RunFiles.at(result.root), ["single", "full"])
    whole, alone = result.summary.rows[1].against_first, some.rows[1].against_first
    assert whole is not None
    assert alone is not None
    assert alone.p_holm == alone.p == whole.p
