"""What the grammar benchmark counts in a recorded run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench_fixture import answer, small_suite, spec_for
from benchmarks import grammar
from scripted_server import ScriptedServer

from atlas.bench.events import Event
from atlas.bench.run import run


@pytest.fixture
def model() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer=answer) as server:
        yield server


def drop(_: Event) -> None:
    """Watch nothing."""


async def test_replies_without_a_program_are_counted_by_kind(atlas_home, model: ScriptedServer):
    small_suite()
    result = await run(spec_for(model.url), drop)
    found = grammar.counted(result.root)
    # Five programs of ``best`` for each of four problems, the first of which ``single`` asks for word for word; every
    # second sample of one problem's four says "I can't.", whole. Inputs are asked for where the statement shows none.
    assert found["draft"] == {"completions": 20, "cut": 0, "again": 2, "whole": 2}
    assert found.keys() == {"draft", "inputs"}
