"""The tier that holds nothing back: never taken by itself, and the same verdicts where it is asked for."""

from pathlib import Path

import pytest
from observed import children

from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Program, Sandbox, Status
from atlas.sandbox.box import scratch
from atlas.sandbox.canary import TIERS, UNSAFE
from atlas.sandbox.sandbox import NoTierError
from atlas.sandbox.workers import Nursery, SetupFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")
TESTED_TIERS = (UNSAFE,)


async def test_it_is_not_taken_where_nothing_else_works(monkeypatch):
    spawn = Nursery.spawn

    async def failing(nursery, tier, **settings):
        if tier != UNSAFE:
            raise SetupFailed(f"no {tier} today")
        return await spawn(nursery, tier, **settings)

    monkeypatch.setattr(Nursery, "spawn", failing)
    with pytest.raises(NoTierError) as failed:
        await Sandbox.start(1)
    assert failed.value.reasons == {tier: f"no {tier} today" for tier in TIERS}
    async with await Sandbox.start(1, tier=UNSAFE) as asked:
        assert asked.tier == UNSAFE


async def test_what_a_program_starts_ends_with_it(sandbox):
    before = children(sandbox._nursery._process.pid)
    code = """
import os, time
def f(n):
    for _ in range(n):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1000)
            os._exit(0)
    return n
"""
    seen = await sandbox.run(Program(code, "f"), [Call((3,))])
    assert [s.value for s in seen] == [3]
    assert children(sandbox._nursery._process.pid) == before


def folders():
    """The scratch folders that there are."""
    return set(Path(scratch.place()).glob("atlas-box-*"))


async def test_files_are_gone_with_the_execution_and_the_folder_with_the_sandbox():
    before = folders()
    code = "import os\ndef f():\n    left = os.listdir()\n    os.makedirs('a/b')\n    os.mkfifo('c')\n    return left"
    async with await Sandbox.start(1, tier=UNSAFE) as own:
        for _ in range(3):
            (seen,) = await own.run(Program(code, "f"), [Call(())])
            assert (seen.status, seen.value) == (Status.OK, [])
        assert len(folders() - before) == 1
    assert not folders() - before


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("cat; echo $((20 + 22)) > x; cat x", Status.OK),
        ("exit 3", Status.EXCEPTION),
        ("if true; then", Status.NO_LOAD),
        ("while :; do :; done", Status.CPU_LIMIT),
        ("sleep 1000 & sleep 1000", Status.WALL_LIMIT),
        ("yes", Status.OUTPUT_LIMIT),
    ],
)
async def test_other_languages_end_as_they_do_in_a_box(sandbox, code, status):
    limits = Limits(cpu_s=1.0, wall_s=2.0 if status is Status.WALL_LIMIT else 60.0, output_bytes=1000)
    (seen,) = await sandbox.run(Program(code, language="bash"), [Stdin("in\n")], limits)
    assert seen.status is status, seen
    assert status is not Status.OK or seen.stdout == "in\n42\n"


async def test_what_a_program_starts_has_its_standard_streams(sandbox):
    code = "import subprocess\nprint('own', flush=True)\nsubprocess.run(['sh', '-c', 'echo started; cat'])"
    (seen,) = await sandbox.run(Program(code), [Stdin("given\n")])
    assert (seen.status, seen.stdout) == (Status.OK, "own\nstarted\ngiven\n")
