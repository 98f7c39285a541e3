"""Time: programs that do not end, that count their time otherwise, or that change the clock."""
# ruff: noqa: E501  (programs in a table)

import pytest
from probe import SYSCALL, Denied, Ok, Run, named

from atlas.problem import Call
from atlas.sandbox import Limits, Status, workers

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOP = Limits(cpu_s=0.2, wall_s=20.0, processes=8)
SLEEP = Limits(cpu_s=5.0, wall_s=0.4)
BAD_TIME = "ctypes.create_string_buffer(struct.pack('<qq', 0, 10**12))"
"""No kernel takes so many nanoseconds; the clock of the machine that runs the tests stays right."""

REFUSED = [
    Denied("sets the clock", f"call('clock_settime', 0, {BAD_TIME})", SYSCALL, {"EINVAL"}),
    Denied("sets the time of day", f"call('settimeofday', {BAD_TIME}, None)", SYSCALL, {"EINVAL"}),
    Denied("adjusts the clock", "call('adjtimex', buffer(512))"),
    Denied("raises its own limit of CPU time", "refused_as(ValueError, lambda: resource.setrlimit(resource.RLIMIT_CPU, (10**6, 10**6)))"),
    Denied("asks for no limit of CPU time by number", "call('prlimit64', 0, 0, ctypes.create_string_buffer(struct.pack('<qq', -1, -1)), None)"),
]  # fmt: skip

RUNS = [
    Run("loops in C", "def f(): return sum(range(10**12))", (Status.CPU_LIMIT,), limits=LOOP),
    Run("a regular expression that never ends", "import re\ndef f(): return re.match('(a+)+b', 'a' * 40)", (Status.CPU_LIMIT,), limits=LOOP),
    Run("catches all", "def f():\n  while True:\n    try:\n      while True: pass\n    except BaseException: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("shares its work out to threads", "def f():\n    ts = [threading.Thread(target=spin, args=(100,)) for _ in range(4)]\n    [t.start() for t in ts]\n    [t.join() for t in ts]", (Status.CPU_LIMIT,), limits=LOOP),
    Run("works in a thread after its result", "def f():\n    threading.Thread(target=spin, args=(100,)).start()\n    return 1", (Ok(1),), limits=LOOP),
    Run("sleeps", "def f(): time.sleep(1000)", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("sleeps while loading", "time.sleep(1000)\ndef f(): return 1", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("waits for a lock that nobody opens", "def f():\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("claims an endless row of new inputs", "def f():\n    stage = 1\n    while True:\n        stage += 1\n        say(stage, 1 << 62, 1 << 62)\n        time.sleep(0.001)", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("claims times before the beginning", "def f():\n    say(1, -1 << 62, -1 << 62)\n    while True: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims times that have not come", "def f():\n    while True: say(1, 1 << 62, 1 << 62)", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims to be loading still", "def f():\n    while True: say(0)", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims nonsense of its progress", "def f():\n    recorder().page[:] = bytes([255]) * len(recorder().page)\n    while True: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims to have used no time", "def f():\n    spin(0.5)\n    leave_with(record(1, cpu_s=0.0, wall_s=0.0))", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims to have used less than none", "def f():\n    spin(0.5)\n    leave_with(record(1, cpu_s=-1e300, wall_s=-1e300))", (Status.CPU_LIMIT,), limits=LOOP),
    Run("replaces the clocks", "def f():\n    time.process_time_ns = time.thread_time_ns = lambda: 0\n    end = time.process_time() + 0.5\n    while time.process_time() < end: pass\n    return 1", (Status.CPU_LIMIT,), limits=LOOP),
]  # fmt: skip


@named(REFUSED)
async def test_refused(box, probe):
    await box.refuses(probe, REFUSED)


@named(RUNS)
async def test_ends(box, probe):
    await box.ends(probe)


async def test_claims_about_a_batch_stay_within_what_the_process_was_seen_to_use(box):
    code = "def f(x):\n    spin(0.1)\n    leave_with(record(1, cpu_s=1e300, wall_s=1e300), record(2, cpu_s=-5.0, wall_s=-5.0))"
    seen = await box.run(code, [Call((1,)), Call((2,))], Limits(cpu_s=2.0))
    assert [s.status for s in seen] == [Status.OK] * 2
    assert all(0 <= s.cpu_s < 5 and 0 <= s.wall_s < 60 for s in seen)
    await box.intact()


async def test_a_whole_batch_uses_no_more_than_its_inputs_may(box):
    code = "def f(x):\n    for stage in range(1, 100):\n        say(stage)\n        spin(0.15)"
    seen = await box.run(code, [Call((n,)) for n in range(2)], Limits(cpu_s=0.2, wall_s=60.0))
    assert {s.status for s in seen} == {Status.CPU_LIMIT}
    # Loading and two inputs at 0.2 s each, for each of two processes at most; the rest is the clocks' grain.
    assert sum(s.cpu_s for s in seen) < 2 * 3 * 0.2 + 0.5
    await box.intact()


async def test_a_late_beginning_does_not_outlast_the_judge(box, monkeypatch):
    # Were set-up, loading and each input given a budget of their own, this would take 4.8 s and the judge give up.
    monkeypatch.setattr(workers, "_GRACE_S", 0.5)
    code = "say(-1)\nfor stage in (0, 1):\n    time.sleep(1.6)\n    say(stage)\ntime.sleep(1.6)"
    (seen,) = await box.run(code, [Call(())], Limits(cpu_s=1.0, wall_s=2.0))
    assert seen.status is Status.WALL_LIMIT
    await box.intact()
