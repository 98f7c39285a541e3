"""Arms that share what they ask alike: over real processes, held against the same run without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench_fixture import answer, small_suite, spec_for
from scripted_server import ScriptedServer

from atlas.bench.audit import audit
from atlas.bench.events import Event
from atlas.bench.run import RunResult, run
from atlas.bench.spec import RunFiles, parse_arm
from atlas.bench.summary import summarize

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
        assert row.consumed.joules is None
        assert row.speed.answer is None
        assert row.speed.throughput is None
    assert any("took over from each other" in warning for warning in result.summary.warnings)


async def test_a_table_of_some_arms_is_as_if_there_were_no_others(atlas_home, model: ScriptedServer):
    small_suite()
    arms = [parse_arm(arm) for arm in ("single", "best-of-n:n=5", "best-of-n:match=single,batch=1")]
    result = await run(spec_for(model.url, *arms), drop)
    assert [c.arm for row in result.summary.rows for c in row.controls] == ["best-of-n-match-single-batch1"]
    some = summarize(RunFiles.at(result.root), ["single", "best-of-n-n5"])
    assert [row.arm for row in some.rows] == ["single", "best-of-n-n5"]
    assert not any(row.controls for row in some.rows)
    whole, alone = result.summary.rows[1].against_first, some.rows[1].against_first
    assert whole is not None
    assert alone is not None
    assert alone.p_holm == alone.p == whole.p
