"""Attempts in several steps: on a check, on a batch of inputs, and on what the judge makes of their times and values."""
# ruff: noqa: E501  (programs in strings)

import pytest
from probe import PRELUDE

from atlas.compare.rules import Rule, equal
from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Program, Status, workers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_channel_to_a_check_leads_to_no_process(box):
    code = """
import socket
def f(x):
    channel = socket.socket(fileno=5)
    try:
        # Who is at the other end: by its number, and (Linux 6.5) by a descriptor that could signal it.
        tried = [attempt(lambda: channel.getsockopt(socket.SOL_SOCKET, option, 12)) for option in (17, 77)]
        tried.append(attempt(lambda: call("pidfd_send_signal", 0, 9, None, 0)))
        tried.append(attempt(lambda: channel.setsockopt(socket.SOL_SOCKET, 26, bytes(16))))
        handed = attempt(lambda: socket.send_fds(channel, [b"x"], [3]))
    finally:
        channel.detach()
    return [*tried, handed]
"""
    check = "def check(candidate): assert candidate(1) == ['denied: EPERM'] * 5, candidate(1)"
    seen = await box.sandbox.run_check(Program(PRELUDE + code, "f"), check)
    assert (seen.status, seen.error) == (Status.OK, "")
    # The check's own zygote stays beside the first.
    await box.look()


async def test_a_process_that_died_leaves_nothing_to_the_one_that_goes_on(box):
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    if x == 2: leave_with()\n    return [list(seen), len(marshal.loads(os.pread(3, 10**6, 0))['inputs'])]"
    seen = await box.run(code, [Call((x,)) for x in (1, 2, 3)])
    assert [(s.status, s.value) for s in seen] == [
        (Status.OK, [[1], 3]),
        (Status.CRASHED, None),
        (Status.OK, [[3], 1]),
    ]
    await box.intact()


async def test_a_wrong_integer_too_long_to_print_is_observed_as_it_is(box):
    (seen,) = await box.run("def f(): return 7 ** 10**4", [Call(())])
    assert seen.value == 7**10**4
    assert not equal(7**10**4 + 1, seen.value, Rule())
    await box.intact()


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


@pytest.mark.parametrize(
    ("limits", "use", "end"),
    [
        (Limits(cpu_s=0.5, wall_s=60.0), "spin(0.4)", Status.CPU_LIMIT),
        (Limits(cpu_s=5.0, wall_s=1.0), "time.sleep(0.8)", Status.WALL_LIMIT),
    ],
)
async def test_a_script_has_no_later_input_to_begin(box, limits, use, end):
    code = f"{PRELUDE}\n{use}\nsay(1)\n{use}\nprint('done')"
    (seen,) = await box.sandbox.run(Program(code), [Stdin("")], limits)
    assert seen.status is end
    await box.intact()


async def test_the_files_of_a_job_are_not_in_the_memory_of_the_next(box):
    scan = """
import ctypes, gc, os, re, sys
libc = ctypes.CDLL(None)
libc.sbrk.restype, libc.sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
libc.write.restype, libc.write.argtypes = ctypes.c_ssize_t, [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
reader, writer = os.pipe()
def page(address):
    count = libc.write(writer, address, 4096)
    return os.read(reader, count) if count > 0 else b""
top = libc.sbrk(0) & ~4095
arenas = {id(o) >> 20 << 20 for o in (*gc.get_objects(), *sys.modules.values())}
regions = [(top - (24 << 20), top), *((a, a + (1 << 20)) for a in arenas)]
pattern = re.compile(b"SECR" + b"ET-[0-9]{6}")
print(sorted({m for a, b in regions for p in range(a, b, 4096) for m in pattern.findall(page(p))}))
"""
    keep = "open('out', 'w').write('SECR' + 'ET-777777' * 5000)"
    given = {"big": b"SECRET-222222" * 5000}
    await box.sandbox.run(Program(keep), [Stdin("")], Limits(cpu_s=5.0), files=given, keep_files=True)
    (seen,) = await box.sandbox.run(Program(scan), [Stdin("")], Limits(cpu_s=5.0))
    assert (seen.status, seen.stdout) == (Status.OK, "[]\n"), seen.error
