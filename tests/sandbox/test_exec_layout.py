"""What a box for executables shows, and that it is served by another worker where one is lost while it starts."""

import shutil
from pathlib import Path

import pytest

import atlas
from atlas.problem import Stdin
from atlas.sandbox import Program, Sandbox, Status
from atlas.sandbox.box.exec_layout import ExecLayout
from atlas.sandbox.workers import Nursery, WorkerLost

PACKAGE = Path(atlas.__file__).resolve().parent


def test_our_own_package_is_hidden_wherever_it_lies() -> None:
    layout = ExecLayout((str(PACKAGE.parent),))
    assert str(PACKAGE) in layout.hidden()
    shown = [Path(path) for path, _ in layout.rules("landlock")]
    assert PACKAGE.parent not in shown
    assert not [path for path in shown if PACKAGE.is_relative_to(path)]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash is on PATH")
async def test_a_worker_that_is_lost_while_it_starts_costs_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, lost = Nursery.spawn, list[str]()

    async def losing(self: Nursery, tier: str, *, shown: list[str] | None = None) -> object:
        if shown is not None and not lost:
            lost.append(tier)
            raise WorkerLost("the process ended")
        return await spawn(self, tier, shown=shown)

    monkeypatch.setattr(Nursery, "spawn", losing)
    async with await Sandbox.start(1) as sandbox:
        (seen,) = await sandbox.run(Program("echo served", language="bash"), [Stdin("")])
    assert (seen.status, seen.stdout) == (Status.OK, "served\n")
    assert lost
