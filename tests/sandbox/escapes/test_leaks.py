"""What one execution leaves, and the next must not find: in the same worker, of the same or of another program.

Each probe has a part that leaves something and one that looks for it. Run one after the other in one process the
second must find it, which shows that the probe works; run in two jobs it must not.
"""
# ruff: noqa: E501  (programs in a table)

import asyncio

import pytest
from probe import PRELUDE

from atlas.problem import Call
from atlas.sandbox import Limits, Program, Status

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMITS = Limits(cpu_s=2.0, wall_s=20.0)

# name -> (what is left, what looks for it); the second is an expression that is true of a find.
LEFT = {
    "a module": ("sys.modules['evil'] = sys", "'evil' in sys.modules"),
    "a module's attribute": ("os.evil = 1", "hasattr(os, 'evil')"),
    "a builtin": ("__import__('builtins').evil = 1", "hasattr(__import__('builtins'), 'evil')"),
    "a builtin replaced": ("__import__('builtins').sum = len", "sum([1, 2]) != 3"),
    "a class's method": ("json.JSONEncoder.default = None", "json.JSONEncoder.default is None"),
    "an environment variable": ("os.environ['EVIL'] = '1'", "'EVIL' in os.environ"),
    "an environment variable of the C library": ("libc.setenv(b'EVIL', b'1', 1)", "environment_of_c()"),
    "the import system": ("sys.meta_path.clear()", "not sys.meta_path"),
    "the import path": ("sys.path.insert(0, '/evil')", "'/evil' in sys.path"),
    "a signal handler": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "signal.getsignal(signal.SIGTERM) is signal.SIG_IGN"),
    "a blocked signal": ("signal.pthread_sigmask(signal.SIG_BLOCK, [15])", "signal.pthread_sigmask(signal.SIG_BLOCK, [])"),
    "a timer": ("signal.setitimer(signal.ITIMER_REAL, 1000)", "signal.getitimer(signal.ITIMER_REAL)[0]"),
    "a limit": ("resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))", "resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 20"),
    "a mask of modes": ("os.umask(0o7)", "os.umask(0o7) == 0o7"),
    "a folder": ("os.chdir('/dev')", "os.getcwd() == '/dev'"),
    "a descriptor": ("os.dup2(0, 40)", "attempt(lambda: os.fstat(40)).startswith('got')"),
    "a global of the program": ("globals().update(held=open(__import__('random').__file__))", "'held' in globals()"),
    "a thread": ("threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()", "threading.active_count() > 1"),
    "how long a thread may run": ("sys.setswitchinterval(5.0)", "sys.getswitchinterval() == 5.0"),
    "memory that is shared": ("recorder().page.__setitem__(slice(2000, 2004), b'evil')", "recorder().page[2000:2004] == b'evil'"),
    "its standard input": ("os.pwrite(0, b'evil', 0)", "os.pread(0, 4, 0) == b'evil'"),
    "a small integer changed in memory": ("ctypes.c_int.from_address(id(200) + 24).__setattr__('value', 201)", "str(int('200')) != '200'"),
    "its position in a file": ("os.lseek(3, 7, 0)", "os.lseek(3, 0, 1) == 7"),
}  # fmt: skip

IN_FOLDER = {
    "a file": ("open('evil', 'w').close()", "os.listdir('.')"),
    "a file, right behind the last": ("open('evil', 'w').close()", "os.listdir('.')"),
    "a file in a folder": ("os.makedirs('a/b') or open('a/b/evil', 'w').close()", "os.listdir('.')"),
    "a folder without rights": ("os.mkdir('evil', 0)", "os.listdir('.')"),
    "a link": ("os.symlink('/', 'evil')", "os.listdir('.')"),
    "a file over the shared object that an import would look for": ("open('json.py', 'w').close()", "os.listdir('.')"),
    "many files": ("[open(str(i), 'w').close() for i in range(500)]", "os.listdir('.')"),
    "a full folder": ("[open(str(i), 'wb').write(bytes(1 << 20)) for i in range(30)]", "os.statvfs('.').f_bfree < os.statvfs('.').f_blocks"),
    "a working folder that is gone": ("os.mkdir('evil') or os.chdir('evil') or os.rmdir('../evil')", "attempt(os.getcwd) == 'denied: ENOENT'"),
}  # fmt: skip


async def finds(box, leave, look, *, left_before=False):
    """Whether ``look`` finds what ``leave`` left: in one process, then in two."""
    code = f"def f(step):\n    if step == 'leave': {leave}\n    else: return bool({look})"
    both = await box.run(code, [Call(("leave",)), Call(("look",))], LIMITS)
    assert [s.status for s in both] == [Status.OK] * 2, both
    assert both[1].value, "the probe does not even find what it left in its own process"
    if left_before:
        (first,) = await box.run(code, [Call(("leave",))], LIMITS)
        assert first.status is Status.OK, first
    (seen,) = await box.run(code, [Call(("look",))], LIMITS)
    assert seen.status is Status.OK, seen
    return seen.value


@pytest.mark.parametrize("name", LEFT)
async def test_nothing_is_left_in_the_process(box, name):
    assert not await finds(box, *LEFT[name], left_before=True)
    await box.intact()


@pytest.mark.parametrize("name", IN_FOLDER)
async def test_nothing_is_left_in_the_scratch_folder(box, name):
    if box.sandbox.tier == "landlock":
        pytest.skip("there is no scratch folder to leave anything in")
    assert not await finds(box, *IN_FOLDER[name], left_before="right behind" in name)
    await box.intact()


async def test_two_jobs_at_once_do_not_meet(box):
    code = "def f(x):\n    attempt(lambda: open('evil', 'x').close())\n    print(x)\n    time.sleep(0.02)\n    return x"
    seen = await asyncio.gather(*(box.run(code, [Call((n,))], LIMITS) for n in range(6)))
    assert [(s.status, s.value, s.stdout) for (s,) in seen] == [(Status.OK, n, f"{n}\n") for n in range(6)]
    await box.intact()


async def test_fresh_processes_share_nothing(box):
    program = Program(PRELUDE + "\nkept = []\ndef f(x):\n    kept.append(x)\n    return list(kept)", "f")
    calls = [Call((n,)) for n in range(3)]
    assert [s.value for s in await box.sandbox.run(program, calls)] == [[0], [0, 1], [0, 1, 2]]
    assert [s.value for s in await box.sandbox.run(program, calls, fresh=True)] == [[0], [1], [2]]
    await box.intact()
