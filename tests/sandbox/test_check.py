"""Test code that calls the program from a box of its own."""
# ruff: noqa: E501  (programs in a table)

import asyncio
import textwrap

import pytest

from atlas.problem import Call
from atlas.sandbox import Limits, Program, Status

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECK = """
def check(candidate):
    assert candidate(1) == 2
    assert candidate(5) == 6
"""


async def check(sandbox, code, test=CHECK, limits=Limits(cpu_s=1.0)):  # noqa: B008
    return await sandbox.run_check(Program(textwrap.dedent(code), "f"), textwrap.dedent(test), limits)


PASSING = {
    "a correct program": ("def f(x): return x + 1", CHECK),
    "asserts without check": ("def f(x): return x + 1", "assert f(1) == 2\nassert candidate(x=2) == 3"),
    "an expected exception": ("def f(x): raise ValueError('no')", "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse:\n    assert False"),
    "all kinds of data": ("def f(*a, **k): return (list(a), k)", "assert f((1,), {2}, b'x', k={1: 1.5}) == ([(1,), {2}, b'x'], {'k': {1: 1.5}})"),
    "helpers and modules": ("def f(x): return x", "import math, copy\ndef poly(x): return math.fabs(x)\ndef check(candidate): assert poly(candidate(copy.deepcopy(-2))) == 2"),
    "state between calls": ("n = 0\ndef f():\n    global n\n    n += 1\n    return n", "assert [f(), f()] == [1, 2]"),
    "a stub of the statement's": ("def f(x): return x + 1", "def f(x): pass\ndef check(candidate): assert candidate(1) == f(1) == 2"),
    "printing programs": ("def f(x):\n    print(x)\n    return x + 1", CHECK),
    "a megabyte each way": ("def f(x): return x", "x = 'y' * (1 << 20)\nassert f(x) == x"),
}  # fmt: skip


@pytest.mark.parametrize("name", PASSING)
async def test_passes(sandbox, name):
    seen = await check(sandbox, *PASSING[name])
    assert (seen.status, seen.error) == (Status.OK, "")


FAILING = {
    "a wrong program": ("def f(x): return x", Status.EXCEPTION, "AssertionError"),
    "an exception": ("def f(x): return x / 0", Status.EXCEPTION, "ZeroDivisionError: division by zero"),
    "an exception of its own": ("class E(Exception): pass\ndef f(x): raise E('x')", Status.EXCEPTION, "ProgramError: E: x"),
    "an exception that passes for exit": ("class SystemExit(Exception): pass\ndef f(x): raise SystemExit(0)", Status.EXCEPTION, "ProgramError: SystemExit: 0"),
    "equals everything": ("class A(int):\n    __eq__ = lambda s, o: True\n    __hash__ = None\ndef f(x): return A(9)", Status.EXCEPTION, "AssertionError"),
    "no plain data": ("class A:\n    __eq__ = lambda s, o: True\ndef f(x): return A()", Status.EXCEPTION, "TypeError: not plain data: A"),
    "leaves": ("import os\ndef f(x): os._exit(0)", Status.CRASHED, "program: exited with status 0 without a result"),
    "leaves in the second call": ("import os\ndef f(x): return 2 if x == 1 else os._exit(0)", Status.CRASHED, None),
    "exits": ("import sys\ndef f(x): sys.exit(0)", Status.EXCEPTION, "program: SystemExit: 0"),
    "writes a record for the check": ("import os\ndef f(x):\n    os.write(4, b'{\"status\": \"ok\", \"value\": null, \"spans\": [[0, 0], [0, 0]], \"cpu_s\": 0.0, \"wall_s\": 0.0}\\n')\n    os._exit(0)", Status.EXCEPTION, "ProgramLost: the program ended"),
    "nonsense on the channel": ("import os\ndef f(x): os.write(5, b'\\x02\\0\\0\\0{}'); return 2", Status.EXCEPTION, "ProgramLost: the program sent nonsense"),
    "a huge message": ("import os\ndef f(x): os.write(5, b'\\xff' * 64); return 2", Status.EXCEPTION, None),
    "a hung channel": ("import os, time\ndef f(x): os.write(5, b'\\x09\\0\\0\\0'); time.sleep(600)", Status.WALL_LIMIT, None),
    "closes the channel": ("import os\ndef f(x): os.close(5); return 2", Status.EXCEPTION, None),
    "reads frames": ("import sys\ndef f(x): return sys._getframe(1).f_locals['expected']", Status.EXCEPTION, "KeyError: 'expected'"),
    "does not load": ("def f(x:", Status.NO_LOAD, None),
    "loops": ("def f(x):\n    while True: pass", Status.CPU_LIMIT, "program: cpu_limit"),
    "allocates": ("def f(x): return [0] * 10**10", Status.MEMORY_LIMIT, "program: MemoryError"),
    "raises with its arguments": ("def f(x): raise UnicodeError('a', 1)", Status.EXCEPTION, "UnicodeError: ('a', 1)"),
    "raises what cannot be made again": ("class UnicodeDecodeError(Exception): pass\ndef f(x): raise UnicodeDecodeError('a')", Status.EXCEPTION, "ProgramError: UnicodeDecodeError: a"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
async def test_fails(sandbox, name):
    code, status, error = FAILING[name]
    # On a busy machine half a second of CPU time takes many of wall time.
    seen = await check(sandbox, code, limits=Limits(cpu_s=0.5, wall_s=2.0 if status is Status.WALL_LIMIT else 30.0))
    assert seen.status is status, seen
    assert error is None or seen.error == error
    assert (await check(sandbox, "def f(x): return x + 1")).status is Status.OK


async def test_a_test_that_expects_an_exception_is_not_passed_by_dying(sandbox):
    test = "try:\n    f(1)\nexcept Exception:\n    pass"
    assert (await check(sandbox, "def f(x): raise ValueError", test)).status is Status.OK
    assert (await check(sandbox, "import os\ndef f(x): os._exit(1)", test)).status is Status.CRASHED


async def test_limits_of_the_check_are_named(sandbox):
    seen = await check(sandbox, "def f(x): return x", "while True: pass", Limits(cpu_s=0.3))
    assert (seen.status, seen.error) == (Status.CPU_LIMIT, "check: cpu_limit")


async def test_checks_at_once_on_one_worker_and_calls_between(sandbox):
    results = await asyncio.gather(
        *(check(sandbox, f"def f(x): return x + {i % 2}") for i in range(6)),
        sandbox.run(Program("def f(x): return x", "f"), [Call((3,))]),
    )
    assert [r.status for r in results[:6]] == [Status.EXCEPTION, Status.OK] * 3
    assert results[6][0].value == 3


async def test_a_cancelled_check_frees_its_worker(sandbox):
    job = asyncio.create_task(check(sandbox, "import time\ndef f(x): time.sleep(600)", limits=Limits(wall_s=600)))
    await asyncio.sleep(0.1)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert (await check(sandbox, "def f(x): return x + 1")).status is Status.OK


async def test_only_functions_are_checked(sandbox):
    with pytest.raises(ValueError, match="function"):
        await sandbox.run_check(Program("print(1)"), "")


@pytest.mark.parametrize("end", ["StopIteration", "StopAsyncIteration"])
async def test_the_end_of_an_iteration_ends_none_of_the_check(sandbox, end):
    program = Program(f"def f(x): raise {end}", "f")
    check = (
        "def check(candidate):\n    for got, want in zip(map(candidate, [1, 2]), [2, 3]):\n        assert got == want"
    )
    seen = await sandbox.run_check(program, check)
    assert (seen.status, seen.error) == (Status.EXCEPTION, f"ProgramError: {end}: ")
