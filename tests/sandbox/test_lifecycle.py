"""Workers that are killed, callers that go away, owners that die: no job lost, no process left."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from observed import children

from atlas.errors import SandboxError
from atlas.problem import Call
from atlas.sandbox import Limits, Program, Sandbox, Status
from atlas.sandbox.workers import Nursery, SetupFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDENTITY = Program("def f(x): return x", "f")
SLOW = Program("import time\ndef f(x):\n    time.sleep(x)\n    return x", "f")
LONG = Limits(cpu_s=60, wall_s=600)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still waiting: {what}"
        await asyncio.sleep(0.01)


async def until_gone(pids):
    await until(lambda: not any(map(alive, pids)), f"end of {pids}")


def nursery_of(sandbox):
    return sandbox._nursery._process.pid


def killable(sandbox):
    """The zygotes: what is below the nursery and waits on a judge's socket."""
    return children(nursery_of(sandbox))


def kill(pids):
    """End all of these processes; one may have ended by itself, or with another, between the look and the blow."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def test_a_killed_idle_worker_is_replaced(sandbox):
    kill(killable(sandbox))
    (seen,) = await sandbox.run(IDENTITY, [Call((1,))])
    assert seen.value == 1


async def test_a_worker_killed_in_mid_job_loses_no_job(sandbox):
    before = set(killable(sandbox))
    job = asyncio.create_task(sandbox.run(SLOW, [Call((0.5,))], LONG))
    await until(lambda: set(killable(sandbox)) - before, "the program's process")
    kill(before)
    assert [s.value for s in await job] == [0.5]
    await until_gone(before)


@pytest.mark.parametrize("delay", [0, 0.02, 0.05])
async def test_a_worker_killed_while_it_starts_loses_no_job(sandbox, delay):
    kill(before := killable(sandbox))
    await until(lambda: not set(killable(sandbox)) & set(before), "the end of the first worker")
    job = asyncio.create_task(sandbox.run(IDENTITY, [Call((1,))]))
    await until(lambda: killable(sandbox), "the second worker")
    await asyncio.sleep(delay)
    kill(killable(sandbox))
    assert [s.value for s in await job] == [1]


async def test_a_box_that_fails_to_come_up_once_loses_no_job(sandbox, monkeypatch):
    spawn, failures = Nursery.spawn, []

    async def fail_once(nursery, tier, **settings):
        if not failures:
            failures.append(tier)
            raise SetupFailed("a part of it was killed")
        return await spawn(nursery, tier, **settings)

    monkeypatch.setattr(Nursery, "spawn", fail_once)
    kill(killable(sandbox))
    (seen,) = await sandbox.run(IDENTITY, [Call((1,))])
    assert (seen.value, failures) == (1, [sandbox.tier])


async def test_a_worker_killed_again_and_again_is_infrastructure(sandbox):
    job = asyncio.create_task(sandbox.run(SLOW, [Call((600,)), Call((600,))], LONG))
    while not job.done():
        kill(killable(sandbox))
        await asyncio.sleep(0.02)
    assert {s.status for s in await job} == {Status.INFRASTRUCTURE}
    assert (await sandbox.run(IDENTITY, [Call((1,))]))[0].value == 1


async def test_a_cancelled_job_frees_its_worker(sandbox):
    before = set(killable(sandbox))
    jobs = [asyncio.create_task(sandbox.run(SLOW, [Call((600,))], LONG)) for _ in range(3)]
    await until(lambda: set(killable(sandbox)) - before, "the program's process")
    running = set(killable(sandbox)) - before
    for job in jobs:
        job.cancel()
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert all(isinstance(d, asyncio.CancelledError) for d in done)
    assert (await sandbox.run(IDENTITY, [Call((1,))]))[0].value == 1
    await until_gone(running)
    assert set(killable(sandbox)) == before


async def test_cancelling_a_job_as_its_process_begins_costs_no_worker(sandbox):
    await sandbox.run(IDENTITY, [Call((0,))])
    before = killable(sandbox)
    for _ in range(8):
        job = asyncio.create_task(sandbox.run(SLOW, [Call((600,))], LONG))
        while killable(sandbox) == before:  # noqa: ASYNC110  (until a moment has passed is too late)
            await asyncio.sleep(0)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        assert (await sandbox.run(IDENTITY, [Call((1,))]))[0].value == 1
        assert killable(sandbox) == before


async def test_cancelling_at_any_moment_spares_the_others(sandbox):
    for pause in range(24):
        victim = asyncio.create_task(sandbox.run(IDENTITY, [Call((0,))]))
        other = asyncio.create_task(sandbox.run(IDENTITY, [Call((pause,))]))
        for _ in range(pause):
            await asyncio.sleep(0)
        victim.cancel()
        assert (await other)[0].value == pause
        await asyncio.gather(victim, return_exceptions=True)


async def test_many_jobs_at_once_on_two_workers(sandbox):
    async with await Sandbox.start(2, tier=sandbox.tier) as two:
        seen = await asyncio.gather(*(two.run(IDENTITY, [Call((i,))]) for i in range(200)))
        assert [s.value for (s,) in seen] == list(range(200))


async def test_closing_ends_everything(sandbox):
    own = await Sandbox.start(2, tier=sandbox.tier)
    pids = [nursery_of(own), *killable(own)]
    descriptors = len(os.listdir("/proc/self/fd"))
    running = asyncio.create_task(own.run(SLOW, [Call((600,))], LONG))
    waiting = [asyncio.create_task(own.run(IDENTITY, [Call((600,))], LONG)) for _ in range(3)]
    await asyncio.sleep(0.05)
    pids += killable(own)
    await own.aclose()
    await own.aclose()
    ends = await asyncio.gather(running, *waiting, return_exceptions=True)
    assert isinstance(ends[0], SandboxError)
    with pytest.raises(SandboxError, match="closed"):
        await own.run(IDENTITY, [Call((1,))])
    await until_gone(pids)
    assert len(os.listdir("/proc/self/fd")) < descriptors


async def test_descriptors_do_not_pile_up(sandbox):
    await sandbox.run(IDENTITY, [Call((0,))])
    before = len(os.listdir("/proc/self/fd"))
    nursery = [len(os.listdir(f"/proc/{p}/fd")) for p in (nursery_of(sandbox), *killable(sandbox))]
    for _ in range(20):
        await sandbox.run(IDENTITY, [Call((0,))] * 2, fresh=True)
        await sandbox.run(Program("while True: print(1)"), [], LONG)
        with pytest.raises(ValueError, match="plain data"):
            await sandbox.run(IDENTITY, [Call((object(),))])
    assert len(os.listdir("/proc/self/fd")) == before
    assert [len(os.listdir(f"/proc/{p}/fd")) for p in (nursery_of(sandbox), *killable(sandbox))] == nursery


OWNER = """
import asyncio, sys
from atlas.problem import Call
from atlas.sandbox import Limits, Program, Sandbox

async def main():
    sandbox = await Sandbox.start(2, tier=sys.argv[1])
    print(sandbox._nursery._process.pid, flush=True)
    {then}

asyncio.run(main())
"""


async def owner(tier, then):
    code = OWNER.format(then=textwrap.indent(textwrap.dedent(then), " " * 4).strip())
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, tier, stdout=subprocess.PIPE)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_nothing_outlives_the_owner(sandbox, how):
    loop = "def f():\\n  while True: pass"
    then = f"await sandbox.run(Program('{loop}', 'f'), [Call(())], Limits(cpu_s=600, wall_s=600))"
    process = await owner(sandbox.tier, then)
    nursery = int(await process.stdout.readline())
    await until(lambda: len(children(nursery)) >= 3, "the program's process")
    pids = [nursery, *children(nursery)]
    files = set(os.listdir("/tmp"))
    process.send_signal(how)
    await process.wait()
    await until_gone(pids)
    assert set(os.listdir("/tmp")) <= files


async def test_a_killed_nursery_is_infrastructure_and_leaves_nothing():
    async with await Sandbox.start(1) as own:
        pids = [nursery_of(own), *killable(own)]
        os.kill(pids[0], signal.SIGKILL)
        await until_gone(pids)  # a job can be quicker than that
        (seen,) = await own.run(IDENTITY, [Call((1,))])
        assert seen.status is Status.INFRASTRUCTURE


async def test_an_owner_under_landlock_still_gets_new_workers(sandbox):
    if not sandbox.landlock:
        pytest.skip("no Landlock here")
    then = """
    import os, signal
    from atlas.sandbox.box import kernel, landlock
    kernel.no_new_privileges()
    shown = ["/usr", "/lib", "/proc", sys.base_prefix, sys.prefix, *sys.path]
    landlock.restrict_self(landlock.make_ruleset([(path, "read") for path in shown if path]))
    try:
        open("/etc/passwd")
    except PermissionError:
        print("restricted", flush=True)
    for _ in range(2):
        print("ask", flush=True)
        sys.stdin.readline()
        print([o.value for o in await sandbox.run(Program("def f(x): return x", "f"), [Call((5,))])], flush=True)
    await sandbox.aclose()
    """
    code = OWNER.format(then=textwrap.indent(textwrap.dedent(then), " " * 4).strip())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, sandbox.tier, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    nursery = int(await process.stdout.readline())
    assert await process.stdout.readline() == b"restricted\n"
    for _ in range(2):
        assert await process.stdout.readline() == b"ask\n"
        kill(children(nursery))
        process.stdin.write(b"\n")
        await process.stdin.drain()
        assert await process.stdout.readline() == b"[5]\n"
    assert await process.wait() == 0
    await until_gone([nursery])
