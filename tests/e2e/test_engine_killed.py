"""kill -9 of the engine in mid-solve, by process id, as the kernel's memory killer would do it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from atlas_command import Atlas
from e2e_statements import SMALL_FULL


def test_the_solve_completes_and_says_that_the_engine_was_restarted(atlas: Atlas, endless: Path):
    with atlas.start("solve", endless, "--slots", 1, "--threads", 1, "--save", "kept") as started:
        started.wait_for("round 1:")  # and more rounds to come, each of which needs the engine
        (engine,) = started.engines()
        os.kill(engine, signal.SIGKILL)
        ended = started.end()
    assert ended.status == 0, ended.err
    assert "died of SIGKILL and was restarted" in ended.err
    assert "def solve" in ended.out
    answer = json.loads((atlas.cwd / "kept" / "answer.json").read_text())
    assert any("restarted" in warning for warning in answer["warnings"])
    assert atlas.left_behind() == []


def test_an_engine_that_is_killed_again_and_again_is_given_up(atlas: Atlas, endless: Path):
    """What came before is handed over, and what was lost is said."""
    with atlas.start("solve", endless, "--slots", 1, "--threads", 1) as started:
        started.wait_for("round 1:")
        while started.process.poll() is None:
            for engine in started.engines():
                os.kill(engine, signal.SIGKILL)
            time.sleep(0.05)
        ended = started.end()
    assert ended.status == 0, ended.err
    assert "a request failed: The engine" in ended.err, ended.err
    assert "died of SIGKILL" in ended.err
    assert "def solve" in ended.out
    assert atlas.left_behind() == []


def test_a_run_goes_on_and_its_table_says_that_the_engine_was_restarted(atlas: Atlas):
    assert atlas.run("bench", "make", "--seed", 5, "--problems", 2, "--name", "two").status == 0
    with atlas.start("bench", "run", "two", "--arm", "single", "--arm", SMALL_FULL, "--slots", 1) as started:
        started.wait_for("single: 2 of 2")
        (engine,) = started.engines()
        os.kill(engine, signal.SIGKILL)
        ended = started.end()
    assert ended.status == 0, ended.err
    assert "died of SIGKILL and was restarted" in " ".join(ended.out.split())
    assert atlas.left_behind() == []
