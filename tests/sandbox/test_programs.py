"""Normal programs, and each way in which an execution can end."""
# ruff: noqa: E501  (programs in a table)

import math
import textwrap

import pytest

from atlas.errors import SandboxError
from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Program, Sandbox, Status
from atlas.sandbox.canary import TIERS, UNSAFE

DEFAULT = Limits()

pytestmark = pytest.mark.asyncio(loop_scope="module")
TESTED_TIERS = (*TIERS, UNSAFE)


async def call(sandbox, code, *args, limits=DEFAULT, fresh=False):
    """What ``f(*args)`` is observed to do."""
    program = Program(textwrap.dedent(code), "f")
    (observation,) = await sandbox.run(program, [Call(args)], limits, fresh=fresh)
    return observation


async def script(sandbox, code, stdin="", limits=DEFAULT):
    (observation,) = await sandbox.run(Program(textwrap.dedent(code)), [Stdin(stdin)], limits)
    return observation


NORMAL = {
    "exact types": ("def f(x): return [1, 1.0, True, None, (1,), {2}, {'a': b'b'}, 1j]", 0,
                    [1, 1.0, True, None, (1,), {2}, {"a": b"b"}, 1j]),
    "big int": ("def f(x): return 3 ** x", 8_000, 3**8_000),
    "surrogates": ("def f(x): return x + '\\udc80'", "\ud83d\ude00", "\ud83d\ude00\udc80"),
    "threads": (
        "import threading\ndef f(x):\n    out = []\n"
        "    ts = [threading.Thread(target=out.append, args=(i,)) for i in range(8)]\n"
        "    [t.start() for t in ts]; [t.join() for t in ts]\n    return sorted(out)", 0, list(range(8))),
    "a thread with a 256 MB stack": (
        "import threading\nthreading.stack_size(256 << 20)\ndef f(x):\n    out = []\n"
        "    t = threading.Thread(target=out.append, args=(1,))\n    t.start(); t.join()\n    return out", 0, [1]),
    "recursion": (
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(x): return 0 if x == 0 else 1 + f(x - 1)", 50_000, 50_000),
    "late imports": (
        "def f(x):\n    import asyncio, sqlite3, ssl, decimal, zipfile, email.message, xml.dom.minidom, concurrent.futures\n"
        "    return str(decimal.Decimal(1) / 4) + str(sqlite3.connect(':memory:').execute('select 1').fetchone())",
        0, "0.25(1,)"),
    "asyncio": (
        "import asyncio\nasync def g():\n    await asyncio.sleep(0)\n    return 5\ndef f(x): return asyncio.run(g())", 0, 5),
    "a thread pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(x):\n    with ThreadPoolExecutor(4) as p: return list(p.map(abs, [-1, 2]))", 0, [1, 2]),
    "dataclasses and pickle": (
        "import dataclasses, pickle\n@dataclasses.dataclass\nclass P:\n    x: int\n"
        "def f(x): return pickle.loads(pickle.dumps(P(x))).x", 3, 3),
    "returns a Counter": ("from collections import Counter\ndef f(x): return Counter(x)", "aab", {"a": 2, "b": 1}),
    "signals to itself": (
        "import signal\ndef f(x):\n    got = []\n    signal.signal(signal.SIGUSR1, lambda *a: got.append(1))\n"
        "    signal.raise_signal(signal.SIGUSR1)\n    return got", 0, [1]),
    "raising its own stack limit": (
        "import resource\ndef f(x):\n    resource.setrlimit(resource.RLIMIT_STACK, (200 << 20, resource.RLIM_INFINITY))\n    return 1",
        0, 1),
    "a lambda as entry": ("f = lambda x: x + 1", 1, 2),
    "a main block": ("def f(x): return 1\nif __name__ == '__main__':\n    raise SystemExit(3)", 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", NORMAL)
async def test_normal_functions_run(sandbox, name):
    code, argument, expected = NORMAL[name]
    seen = await call(sandbox, code, argument)
    assert (seen.status, seen.error) == (Status.OK, "")
    assert repr(seen.value) == repr(expected)


SCRIPTS = {
    "reads lines": ("import sys\nprint(sum(int(x) for x in sys.stdin))", "1\n2\n", "3\n"),
    "input()": ("a, b = map(int, input().split())\nprint(a * b, end='')", "6 7\n", "42"),
    "reads fd 0": ("print(len(open(0).read()))", "abc", "3\n"),
    "five megabytes": ("import sys\nprint(len(sys.stdin.buffer.read()))", "x" * 5_000_000, "5000000\n"),
    "main in a thread that nobody joins": (
        "import threading, time\ndef main():\n    time.sleep(0.01)\n    print('done')\nthreading.Thread(target=main).start()",
        "", "done\n"),
    "prints at exit": ("import atexit\natexit.register(print, 'bye')", "", "bye\n"),
    "exit()": ("print('a')\nexit()\nprint('b')", "", "a\n"),
    "sys.exit(0)": ("import sys\nprint('a')\nsys.exit(0)", "", "a\n"),
    "os.write": ("import os\nos.write(1, 'é'.encode())", "", "é"),
    "not UTF-8": ("import sys\nsys.stdout.buffer.write(b'a\\xff')", "", "a\ufffd"),
    "pickles its own class": ("import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))).__name__)", "", "A\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
async def test_normal_scripts_run(sandbox, name):
    code, stdin, expected = SCRIPTS[name]
    seen = await script(sandbox, code, stdin)
    assert (seen.status, seen.error, seen.stdout) == (Status.OK, "", expected)
    assert seen.value is None


async def test_a_scratch_folder_where_there_are_mount_namespaces(sandbox):
    if sandbox.tier == "landlock":
        pytest.skip("no private folder without mounts")
    code = "import tempfile\ndef f(x):\n    with tempfile.TemporaryFile() as t: return t.write(x)"
    assert (await call(sandbox, code, b"abc")).value == 3


SMALL = Limits(cpu_s=0.3, wall_s=5.0, memory_mb=128, output_bytes=1000, processes=4)
QUICK = Limits(cpu_s=5.0, wall_s=0.3)

ENDS = {
    "raises": ("def f(x):\n    return 1 // x", Limits(), Status.EXCEPTION, "ZeroDivisionError: integer division or modulo by zero", 2),
    "exits with 0": ("import sys\ndef f(x): sys.exit(0)", Limits(), Status.EXCEPTION, "SystemExit: 0", 2),
    "interrupts itself": ("def f(x): raise KeyboardInterrupt", Limits(), Status.EXCEPTION, "KeyboardInterrupt", 1),
    "recurses for ever": ("def f(x): return f(x)", Limits(), Status.EXCEPTION, None, 1),
    "raises what cannot be shown": (
        "class E(Exception):\n    def __str__(self): raise ValueError\ndef f(x): raise E", Limits(), Status.EXCEPTION, "E: <no message>", 3),
    "does not compile": ("def f(x:", Limits(), Status.NO_LOAD, None, 1),
    "raises on import": ("import nothing_of_this_name", Limits(), Status.NO_LOAD, None, 1),
    "exits on import": ("import sys\nsys.exit(0)\ndef f(x): return 1", Limits(), Status.NO_LOAD, "SystemExit: 0", 2),
    "defines no entry": ("def g(x): return 1", Limits(), Status.NO_LOAD, "NotLoaded: f is not defined", None),
    "entry is no function": ("f = 3", Limits(), Status.NO_LOAD, "NotLoaded: f is not callable", None),
    "null byte": ("def f(x): return 1\0", Limits(), Status.NO_LOAD, None, None),
    "lone surrogate in the source": ("def f(x): return '\ud800'", Limits(), Status.NO_LOAD, None, None),
    "loops": ("def f(x):\n    while True: pass", SMALL, Status.CPU_LIMIT, "", None),
    "loops in C": ("def f(x): return sum(range(10**12))", SMALL, Status.CPU_LIMIT, "", None),
    "loops catching all": ("def f(x):\n  while True:\n    try:\n      while True: pass\n    except BaseException: pass", SMALL, Status.CPU_LIMIT, "", None),
    "loops while loading": ("while True: pass", SMALL, Status.CPU_LIMIT, "", None),
    "sleeps": ("import time\ndef f(x): time.sleep(1000)", QUICK, Status.WALL_LIMIT, "", None),
    "allocates": ("def f(x): return len([0] * (10**9))", SMALL, Status.MEMORY_LIMIT, None, None),
    "allocates little by little": ("def f(x):\n    a = []\n    while True: a.append(bytes(1 << 20))", SMALL, Status.MEMORY_LIMIT, None, None),
    "allocates while loading": ("a = [0] * 10**9\ndef f(x): return 1", SMALL, Status.MEMORY_LIMIT, None, None),
    "prints too much": ("def f(x):\n    while True: print('x' * 100)", SMALL, Status.OUTPUT_LIMIT, None, None),
    "returns too much": ("def f(x): return 'x' * 10_000", SMALL, Status.OUTPUT_LIMIT, None, None),
    "leaves": ("import os\ndef f(x): os._exit(0)", Limits(), Status.CRASHED, "exited with status 0 without a result", None),
    "segfaults": ("import ctypes\ndef f(x): ctypes.string_at(1)", Limits(), Status.CRASHED, "killed by SIGSEGV", None),
    "kills itself": ("import os\ndef f(x): os.kill(os.getpid(), 9)", Limits(), Status.CRASHED, "killed by SIGKILL", None),
    "returns an object": ("def f(x): return object()", Limits(), Status.BAD_VALUE, "BadValue: not plain data: object", None),
    "returns a generator": ("def f(x): yield 1", Limits(), Status.BAD_VALUE, "BadValue: not plain data: generator", None),
    "returns a cycle": ("def f(x):\n    a = []\n    a.append(a)\n    return a", Limits(), Status.BAD_VALUE, None, None),
    "too many threads": (
        "import threading, time\ndef f(x):\n    ts = [threading.Thread(target=time.sleep, args=(9,), daemon=True) for _ in range(32)]\n"
        "    [t.start() for t in ts]", SMALL, Status.EXCEPTION, "RuntimeError: can't start new thread", 4),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
async def test_every_end_has_its_status(sandbox, name):
    code, limits, status, error, line = ENDS[name]
    seen = await call(sandbox, code, 0, limits=limits)
    assert seen.status is status, seen
    assert seen.value is None
    assert error is None or seen.error == error
    assert line is None or seen.line == line
    assert (await call(sandbox, "def f(x): return x", 5)).value == 5


async def test_scripts_end_like_functions(sandbox):
    assert (await script(sandbox, "print(1)\nraise SystemExit(2)")).error == "SystemExit: 2"
    assert (await script(sandbox, "print('é'")).status is Status.NO_LOAD
    assert (await script(sandbox, "(" * 1000)).status is Status.NO_LOAD
    assert (await script(sandbox, "print('partial')\nx")).stdout == "partial\n"
    failed = await script(sandbox, "import sys\nprint('why', file=sys.stderr)\nraise ValueError('no')")
    assert (failed.status, failed.stderr, failed.error, failed.line) == (
        Status.EXCEPTION, "why\n", "ValueError: no", 3)  # fmt: skip


async def test_output_is_cut_at_the_limit(sandbox):
    limits = Limits(output_bytes=1000)
    full = await script(sandbox, "print('x' * 999)", limits=limits)
    assert (full.status, len(full.stdout)) == (Status.OK, 1000)
    over = await script(sandbox, "print('x' * 1000)", limits=limits)
    assert (over.status, over.stdout) == (Status.OUTPUT_LIMIT, "x" * 1000)
    flood = await script(sandbox, "while True: print('x' * 1000)", limits=limits)
    assert (flood.status, flood.stdout) == (Status.OUTPUT_LIMIT, ("x" * 1000))


async def test_limits_hold_for_each_input_of_a_batch(sandbox):
    code = """
    def f(x):
        if x == "loop":
            while True: pass
        if x == "die":
            import os; os._exit(3)
        if x == "spin":
            import time
            end = time.process_time() + 0.25
            while time.process_time() < end: pass
        print("at", x)
        return x
    """
    names = ["a", "spin", "spin", "loop", "b", "die", "die", "spin", "c"]
    seen = await sandbox.run(Program(textwrap.dedent(code), "f"), [Call((n,)) for n in names], Limits(cpu_s=0.4))
    ends = {"loop": Status.CPU_LIMIT, "die": Status.CRASHED}
    assert [s.status for s in seen] == [ends.get(n, Status.OK) for n in names]
    assert [s.value for s in seen] == [None if n in ends else n for n in names]
    assert [s.stdout for s in seen] == ["" if n in ends else f"at {n}\n" for n in names]


async def test_a_batch_gets_its_arguments_afresh(sandbox):
    shared = [1]
    program = Program("def f(x):\n    x.append(2)\n    return x", "f")
    seen = await sandbox.run(program, [Call((shared,)), Call((shared,))])
    assert [s.value for s in seen] == [[1, 2], [1, 2]]
    assert shared == [1]


async def test_state_lasts_through_a_batch_but_not_between_fresh_processes(sandbox):
    program = Program("n = 0\ndef f():\n    global n\n    n += 1\n    return n", "f")
    inputs = [Call(())] * 3
    assert [s.value for s in await sandbox.run(program, inputs)] == [1, 2, 3]
    assert [s.value for s in await sandbox.run(program, inputs, fresh=True)] == [1, 1, 1]


async def test_long_batches_come_back_in_order(sandbox):
    seen = await sandbox.run(Program("def f(x): return x * x", "f"), [Call((i,)) for i in range(150)])
    assert [s.value for s in seen] == [i * i for i in range(150)]


async def test_results_are_the_same_in_every_process_and_sandbox(sandbox):
    code = "import random\ndef f(x): return [random.random(), list({'a', 'b', 'cc', 'ddd'}), hash('x'), str({1.5, 'y', None})]"
    inputs = [Call((0,))] * 2
    one = await sandbox.run(Program(code, "f"), inputs)
    fresh = await sandbox.run(Program(code, "f"), inputs, fresh=True)
    async with await Sandbox.start(1, tier=sandbox.tier) as second:
        other = await second.run(Program(code, "f"), inputs)
    assert len({repr(s.value) for s in (*one, *fresh, *other)}) == 1


async def test_half_characters_in_an_error_are_written_out(sandbox):
    seen = await call(sandbox, "def f(x): raise ValueError('\\ud800')", 1)
    assert (seen.status, seen.error) == (Status.EXCEPTION, "ValueError: \\ud800")


async def test_times_are_measured(sandbox):
    seen = await call(
        sandbox,
        "import time\ndef f(x):\n    end = time.process_time() + x\n    while time.process_time() < end: pass",
        0.1,
    )
    assert 0.1 <= seen.cpu_s <= seen.wall_s * 1.5
    assert math.isfinite(seen.wall_s)


async def test_no_inputs_no_observations(sandbox):
    assert await sandbox.run(Program("def f(x): return 1", "f"), []) == ()


@pytest.mark.parametrize(
    ("program", "inputs"),
    [
        (Program("", "f"), [Stdin("")]),
        (Program(""), [Call(())]),
        (Program("", "f"), [Call((object(),))]),
        (Program("def f(x): return 1", "f"), [Call((1,)), Call((object(),))]),
    ],
)
async def test_wrong_inputs_are_the_callers_fault(sandbox, program, inputs):
    with pytest.raises(ValueError, match=r"functions take|not plain data"):
        await sandbox.run(program, inputs)
    assert (await call(sandbox, "def f(x): return x", 5)).value == 5


async def test_an_unknown_tier_is_refused():
    with pytest.raises(SandboxError, match="no-such-tier"):
        await Sandbox.start(1, tier="no-such-tier")
