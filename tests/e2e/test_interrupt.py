"""Ended from outside at any moment, a command leaves no process and no temporary file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from atlas_command import Atlas, Started, adopting, descendants, eventually
from e2e_run import FinishedRun
from e2e_statements import SMALL_FULL


def first_child(started: Started) -> None:
    """The sandbox is starting."""
    eventually(lambda: descendants(started.process.pid), "the first child's start")


def engine(started: Started) -> None:
    """The engine is loading its model."""
    eventually(started.engines, "the engine's start")


def searching(started: Started) -> None:
    """Requests and executions are in flight."""
    started.wait_for("round 1:")


def press_ctrl_c(started: Started) -> None:
    started.interrupt()


def interrupt(started: Started) -> None:
    os.kill(started.process.pid, signal.SIGINT)


def terminate(started: Started) -> None:
    os.kill(started.process.pid, signal.SIGTERM)


def kill(started: Started) -> None:
    os.kill(started.process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("how", "moment"),
    [(press_ctrl_c, first_child), (press_ctrl_c, engine), (press_ctrl_c, searching), (interrupt, searching)],
)
def test_ctrl_c_in_mid_solve(
    atlas: Atlas, endless: Path, moment: Callable[[Started], None], how: Callable[[Started], None]
):
    with atlas.start("solve", endless, "--slots", 1) as started:
        moment(started)
        how(started)
        ended = started.end()
    assert ended.status == 130
    assert ended.last_words == "atlas: interrupted"
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert atlas.left_behind() == []


def test_ctrl_c_pressed_twice(atlas: Atlas, endless: Path):
    with atlas.start("solve", endless, "--slots", 1) as started:
        searching(started)
        press_ctrl_c(started)
        press_ctrl_c(started)
        ended = started.end()
    assert ended.status == 130
    assert atlas.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_terminated_in_mid_solve(atlas: Atlas, endless: Path, number: signal.Signals):
    with atlas.start("solve", endless, "--slots", 1) as started:
        searching(started)
        os.kill(started.process.pid, number)
        ended = started.end()
    assert ended.status == 128 + number
    assert ended.last_words == "atlas: terminated"
    assert atlas.left_behind() == []


@pytest.mark.parametrize("moment", [first_child, engine, searching])
def test_killed_in_mid_solve(atlas: Atlas, endless: Path, moment: Callable[[Started], None]):
    with atlas.start("solve", endless, "--slots", 1) as started:
        moment(started)
        kill(started)
        started.end()
    assert atlas.left_behind() == []


@pytest.mark.parametrize("how", [press_ctrl_c, terminate, kill])
def test_a_stopped_run_is_kept_and_resumed(atlas: Atlas, how: Callable[[Started], None]):
    assert atlas.run("bench", "make", "--seed", 5, "--problems", 2, "--name", "two").status == 0
    with atlas.start("bench", "run", "two", "--arm", "single", "--arm", SMALL_FULL) as started:
        started.wait_for("single: 2 of 2")
        how(started)
        ended = started.end()
    assert "Traceback" not in ended.err
    assert atlas.left_behind() == []
    (folder,) = (atlas.home / "runs").iterdir()
    assert not list(folder.glob("tmp/*"))
    assert not (folder / "seal.json").exists()
    if how is not kill:
        assert not (folder / "tmp").exists()
        assert f"atlas bench resume {folder}" in ended.err
    assert ended.status == {press_ctrl_c: 130, terminate: 143, kill: -9}[how]
    if how is not terminate:  # it leaves what Ctrl-C leaves
        resume(atlas, folder)


def resume(atlas: Atlas, folder: Path) -> None:
    resumed = atlas.run("bench", "resume", folder.name)
    assert resumed.status == 0, resumed.err
    assert "2 problems of two" in resumed.out
    assert not (folder / "tmp").exists()
    audited = atlas.run("bench", "audit", folder.name)
    assert audited.status == 0, audited.out
    assert "4 submissions" in audited.out
    assert atlas.left_behind() == []


def test_ctrl_c_in_an_audit(finished: FinishedRun):
    """The garbage keys and the replay are removed, and the run is what it was."""
    atlas = finished.atlas
    before = sorted(path for path in finished.folder.rglob("*") if path.name != "audit.json")
    with adopting():
        with atlas.start("bench", "audit", finished.id) as started:
            started.wait_for("replaying")
            started.interrupt()
            ended = started.end()
        assert atlas.left_behind() == []
    assert ended.status == 130
    assert "Traceback" not in ended.err
    assert sorted(path for path in finished.folder.rglob("*") if path.name != "audit.json") == before
