"""Programs that try to get out, to forge a verdict, or to leave something behind; after each, the next job is served.

A probe is a function ``f(path)`` that returns what it got hold of; ``path`` names a readable file outside the box.
"""
# ruff: noqa: E501  (programs in a table)

import errno
import os
from pathlib import Path

import pytest

from atlas.problem import Call
from atlas.sandbox import Limits, Program, Status

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(cpu_s=1.0, wall_s=5.0, memory_mb=256, processes=8)

LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\ndef sys(*a):\n    r = libc.syscall(*a)\n    if r < 0: raise OSError(ctypes.get_errno(), 'denied')\n    return r\n"

# Each must raise OSError (or a child of it): what it asks for is refused.
DENIED = {
    "reads a file outside": "open(path).read()",
    "reads a file by a symlink": "os.symlink(path, '/tmp/link') or open('/tmp/link').read()",
    "reads a file by a hard link": "os.link(path, '/tmp/link') or open('/tmp/link').read()",
    "climbs out by dots": "open('../' * 20 + path).read()",
    "lists the folder outside": "os.listdir(os.path.dirname(path))",
    "writes a file outside": "open(path + '.new', 'w').write('x')",
    "writes into the library": "open(os.__file__, 'a').write('x')",
    "removes from the library": "os.unlink(os.__file__)",
    "reads the users": "open('/etc/passwd').read()",
    "reads the environment of others": "open('/proc/1/environ').read()",
    "reads its own maps": "open('/proc/self/maps').read()",
    "changes a mode": "os.chmod(os.__file__, 0o777)",
    "changes a time": "os.utime(os.__file__)",
    "truncates by path": "os.truncate(path, 0)",
    "makes a device": "os.mknod('/tmp/zero', 0o20666, os.makedev(1, 5))",
    "opens a socket": "socket.socket()",
    "opens a unix socket": "socket.socket(socket.AF_UNIX)",
    "opens a netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "sends a datagram by a pair": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "forks": "os.fork()",
    "spawns": "subprocess.run(['/bin/true'])",
    "executes": "os.execv('/proc/self/exe', ['x'])",
    "signals its parent": "os.kill(os.getppid() or 1, 9)",
    "signals everybody": "os.kill(-1, 9)",
    "signals its group": "os.kill(0, 9)",
    "signals by a pipe's owner": "[fcntl.fcntl(os.pipe()[0], c, v) for c, v in ((10, 9), (8, os.getppid() or 1))]",
    "renices others": "os.setpriority(os.PRIO_USER, 0, 19)",
    "limits its parent": "resource.prlimit(os.getppid() or 1, resource.RLIMIT_CPU, (0, 0))",
    "raises its own CPU limit": "sys_prlimit()",
    "becomes root": "os.setuid(0)",
    "traces": "sys(101, 16, os.getppid() or 1, 0, 0)",
    "reads another's memory": "sys(310, os.getppid() or 1, 0, 0, 0, 0, 0)",
    "unshares a user namespace": "sys(272, 0x10000000)",
    "mounts": "sys(165, b'none', b'/tmp', b'tmpfs', 0, 0)",
    "changes its root": "os.chroot('/tmp')",
    "sets up io_uring": "sys(425, 8, ctypes.create_string_buffer(256))",
    "loads BPF": "sys(321, 0, 0, 0)",
    "opens performance counters": "sys(298, ctypes.create_string_buffer(128), 0, -1, -1, 0)",
    "asks the keyring": "sys(250, 0, -3, 1)",
    "opens a userfaultfd": "sys(323, 0)",
    "opens a pid": "os.pidfd_open(os.getppid() or 1)",
    "survives its parent": "sys(157, 1, 0, 0, 0, 0)",
    "makes a memory file": "os.memfd_create('x')",
    "clones a process by number": "sys(56, 17, 0, 0, 0, 0)",
    "clones by clone3": "sys(435, ctypes.create_string_buffer(88), 88)",
    "calls by the x32 table": "sys(0x40000000 + 39)",
    "makes shared memory": "sys(29, 0, 4096, 0o1600)",
    "opens by handle": "sys(304, -100, ctypes.create_string_buffer(256), 0)",
    "pushes into a terminal": "fcntl.ioctl(0, 0x5412, b'x')",
}  # fmt: skip

PRELUDE = (
    "import os, socket, subprocess, fcntl, resource\n"
    + LIBC
    + "def sys_prlimit():\n"
    + "    try: resource.setrlimit(resource.RLIMIT_CPU, (10**6, 10**6))\n"
    + "    except ValueError: raise PermissionError\n"
)

X86_ONLY = {name for name, body in DENIED.items() if body.startswith("sys(")}


async def still_served(sandbox):
    """The worker's next job sees a clean box."""
    code = """
import os, sys, builtins
def f(x):
    left = os.listdir(os.getcwd()) if os.getcwd() != "/" else []
    return [x, left, len(os.environ), os.getcwd(), hasattr(builtins, "evil"), "evil" in sys.modules, sum([1, 2])]
"""
    (seen,) = await sandbox.run(Program(code, "f"), [Call((7,))])
    folders = {"/"} if sandbox.tier == "landlock" else {"/tmp", "/scratch"}
    assert seen.value[3] in folders
    assert seen.value[:3] + seen.value[4:] == [7, [], 0, False, False, 3], seen


@pytest.fixture
def outside(tmp_path):
    """A file that everybody on this machine may read and write, save who is in a box."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    secret.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    yield secret
    assert secret.read_text() == "secret"
    assert [p.name for p in tmp_path.iterdir()] == ["secret.txt"]


@pytest.mark.parametrize("name", DENIED)
async def test_refused(sandbox, outside, name):
    if name in X86_ONLY and os.uname().machine != "x86_64":
        pytest.skip("a system call by its number on x86-64")
    code = f"{PRELUDE}def f(path):\n    try: return ['got', repr({DENIED[name]})]\n    except OSError as e: return e.errno\n"
    (seen,) = await sandbox.run(Program(code, "f"), [Call((str(outside),))], LIMITS)
    assert (seen.status, type(seen.value)) in {(Status.OK, int), (Status.OK, type(None))}, seen
    # A number given by hand must be refused as such, not for its arguments.
    assert name not in X86_ONLY or seen.value in {errno.EPERM, errno.ENOSYS}
    await still_served(sandbox)


# What these return or do must not be an OK with the value wanted of them, "right".
FORGED = {
    "leaves with success": "import os\ndef f(p): os._exit(0)",
    "exits with success": "import sys\ndef f(p): sys.exit(0)",
    "leaves while loading": "import os\nos._exit(0)",
    "equals everything": "class A:\n    __eq__ = lambda s, o: True\n    __hash__ = None\ndef f(p): return A()",
    "a string equal to everything": "class A(str):\n    __eq__ = lambda s, o: True\n    __str__ = __repr__ = lambda s: 'right'\ndef f(p): return A('wrong')",
    "a list that lies": "class A(list):\n    __eq__ = lambda s, o: True\n    __iter__ = lambda s: iter('right')\ndef f(p): return A()",
    "forges its class": "class A:\n    __class__ = str\n    __str__ = lambda s: 'right'\ndef f(p): return A()",
    "an excepthook": "import sys\nsys.excepthook = lambda *a: None\ndef f(p): raise ValueError",
    "an exit handler": "import atexit, os\natexit.register(os._exit, 0)\ndef f(p): raise ValueError",
    "reads the frames": "import sys\ndef f(p):\n    frame = sys._getframe()\n    while frame:\n        for v in frame.f_locals.values():\n            if v == 'right': return v\n        frame = frame.f_back",
    "searches the heap": "import gc\ndef f(p):\n    for o in gc.get_objects():\n        if isinstance(o, dict) and 'expected' in o: return o['expected']",
    "reads the request": "import os\ndef f(p): return 'right' if b'right' in os.pread(3, 10**6, 0).replace(open_code, b'') else 'wrong'\nopen_code = b'right'",
    "garbage as result": "import os\ndef f(p):\n    os.write(4, b'garbage\\n')\n    return 'wrong'",
    "a forged record of the wrong shape": "import os\ndef f(p):\n    os.write(4, b'{\"status\": \"ok\", \"value\": \"right\"}\\n')\n    os._exit(0)",
    "a record that claims too much": "import os\ndef f(p):\n    os.write(4, b'{\"status\": \"infrastructure\"}\\n')\n    os._exit(0)",
    "a record nested too deeply": "import os\ndef f(p):\n    os.write(4, b'[' * 100000 + b'\\n')\n    os._exit(0)",
    "two records": "import os\ndef f(p):\n    r = b'{\"status\": \"ok\", \"value\": \"right\", \"spans\": [[0, 0], [0, 0]], \"cpu_s\": 0.0, \"wall_s\": 0.0}\\n'\n    os.write(4, r + r)\n    return 'wrong'",
    "a truncated result file": "import os\ndef f(p):\n    os.ftruncate(4, 0)\n    os.close(4)\n    return 'right'",
    "kills the recorder": "import json\njson.dumps = None\ndef f(p): return 'right'",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
async def test_no_verdict_is_forged(sandbox, name):
    (seen,) = await sandbox.run(Program(FORGED[name], "f"), [Call(("",))], LIMITS)
    assert seen.status is not Status.INFRASTRUCTURE
    assert (seen.status, seen.value) != (Status.OK, "right")
    await still_served(sandbox)


async def test_all_that_can_be_forged_is_ones_own_value(sandbox):
    record = '{"status": "ok", "value": "right", "spans": [[0, 0], [0, 0]], "cpu_s": -5.0, "wall_s": 1e300}\\n'
    code = f"import os\ndef f(p):\n    os.write(4, b'{record}')\n    os._exit(0)"
    (seen,) = await sandbox.run(Program(code, "f"), [Call(("",))])
    assert (seen.status, seen.value) == (Status.OK, "right")  # no more than `return "right"` does
    assert 0 < seen.cpu_s < 5
    assert 0 < seen.wall_s < 60


# These leave something behind, or try to; whatever becomes of them, the next job must find nothing of it.
LEAVES = {
    "a module": "import sys, types\ndef f(p): sys.modules['evil'] = types.ModuleType('evil'); return 1",
    "a builtin": "import builtins\ndef f(p): builtins.evil = 1; builtins.sum = len; return 1",
    "an environment variable": "import os\ndef f(p): os.environ['EVIL'] = '1'; return 1",
    "a file": "def f(p): open('/tmp/evil', 'w').write('x'); return 1",
    "a folder without rights": "import os\ndef f(p): os.mkdir('/tmp/evil', 0); os.umask(0o777); return 1",
    "many files": "def f(p):\n    for i in range(10**6): open(f'/tmp/{i}', 'w').close()",
    "a full scratch folder": "def f(p):\n    for i in range(1000):\n        with open(f'/tmp/{i}', 'wb') as t: t.write(bytes(1 << 20))",
    "a thread": "import threading, time\ndef f(p): threading.Thread(target=time.sleep, args=(1000,)).start(); return 1",
    "a handler for every signal": "import signal\ndef f(p):\n    for s in set(signal.Signals) - {9, 19}: signal.signal(s, signal.SIG_IGN)\n    while True: pass",
    "a stopped process": "import os, signal\ndef f(p): os.kill(os.getpid(), signal.SIGSTOP)",
    "a thread bomb": "import threading, time\ndef f(p):\n    threading.stack_size(65536)\n    while True: threading.Thread(target=time.sleep, args=(1000,)).start()",
    "many descriptors": "import os\ndef f(p):\n    while True: os.dup(0)",
    "its own descriptors closed": "import os\ndef f(p): os.closerange(0, 64); return 1",
    "a memory bomb": "def f(p):\n    a = [0]\n    while True: a = a + a",
    "a lie about its progress": "import gc, mmap\ndef f(p):\n    for m in gc.get_objects():\n        if isinstance(m, mmap.mmap): m[:24] = b'\\xff' * 7 + b'\\x7f' + b'\\xff' * 7 + b'\\x7f' + b'\\xff' * 7 + b'\\x7f'\n    while True: pass",
    "a chain of exceptions": "def f(p):\n    try: f(p)\n    finally: f(p)",
    "a broken import system": "import sys\ndef f(p): sys.path.clear(); sys.meta_path.clear(); return 1",
    "a long name of an error": "def f(p): raise type('E' * 10**6, (Exception,), {})('x' * 10**6)",
}  # fmt: skip


@pytest.mark.parametrize("name", LEAVES)
async def test_nothing_is_left_for_the_next_job(sandbox, name):
    (seen,) = await sandbox.run(
        Program(LEAVES[name], "f"), [Call(("",))], Limits(cpu_s=0.3, wall_s=1.0, memory_mb=128, processes=8)
    )
    assert seen.status is not Status.INFRASTRUCTURE
    assert len(seen.error) <= 500
    await still_served(sandbox)


async def test_the_users_packages_are_not_shown(sandbox):
    code = """
import os, sys
def f():
    opened = []
    for place in [os.path.join(p, n) for p in sys.path for n in ("site-packages", "dist-packages")]:
        for folder, _, names in os.walk(place):
            for name in names:
                try: opened.append(open(os.path.join(folder, name)).name)
                except OSError: pass
                if opened: return opened
    return opened
"""
    (seen,) = await sandbox.run(Program(code, "f"), [Call(())])
    assert (seen.status, seen.value) == (Status.OK, [])


async def test_the_clock_is_not_set_back_by_claims_of_ever_new_inputs(sandbox):
    code = """
import struct, sys, time
def f(x):
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "page"):
        frame = frame.f_back
    page, stage = frame.f_locals["self"].page, 1
    while True:
        stage += 1
        struct.pack_into("<qqq", page, 0, stage, 1 << 62, 1 << 62)
        time.sleep(0.001)
"""
    (seen,) = await sandbox.run(Program(code, "f"), [Call((1,))], Limits(cpu_s=1.0, wall_s=0.5))
    assert seen.status is Status.WALL_LIMIT
    await still_served(sandbox)
