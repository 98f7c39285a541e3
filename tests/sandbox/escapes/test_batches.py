"""Attempts in several steps: on a check, on a batch of inputs, and on what the judge makes of their times and values."""
# ruff: noqa: E501  (programs in strings)

import pytest
from probe import PRELUDE

from atlas.compare.rules import Rule, equal
from atlas.problem import Call
from atlas.sandbox import Limits, Program, Status, workers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_channel_to_a_check_leads_to_no_process(box):
    code = """
import socket
def f(x):
    channel = socket.socket(fileno=5)
    try:
        # Who is at the other end: by its number, and (Linux 6.5) by a descriptor that could signal it.
        number = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        try: there = channel.getsockopt(socket.SOL_SOCKET, 77)
        except OSError: there = 0
        tried = attempt(lambda: call("pidfd_send_signal", there, 9, None, 0))
        handed = attempt(lambda: socket.send_fds(channel, [b"x"], [3]))
    finally:
        channel.detach()
    return [tried, handed]
"""
    check = "def check(candidate): assert candidate(1) == ['denied: EPERM', 'denied: EPERM'], candidate(1)"
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
