"""Programs that want more memory than they may have."""
# ruff: noqa: E501  (programs in a table)

from probe import Denied, Ok, Run

from atlas.sandbox import Limits, Status

SMALL = Limits(cpu_s=2.0, wall_s=20.0, memory_mb=64, processes=8)
OUT = frozenset({Status.MEMORY_LIMIT, Status.EXCEPTION, Status.CRASHED})
"""Of the memory itself, or of a system call that says so."""

REFUSED = [
    Denied("locks memory", "call('mlock', ctypes.addressof(KEPT := buffer()), 8)"),
    Denied("locks all its memory", "call('mlockall', 1)"),
    Denied("raises its own limit of memory", "refused_as(ValueError, lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 50, 1 << 50)))"),
    Denied("raises its own limit by number", "call('prlimit64', 0, 9, ctypes.create_string_buffer(struct.pack('<QQ', 1 << 50, 1 << 50)), None)"),
    Denied("reserves a tebibyte", "mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)", frozenset({"ENOMEM"})),
    Denied("reserves a shared tebibyte", "mmap.mmap(-1, 1 << 40, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | 0x4000)", frozenset({"ENOMEM"}), {"got", "ENOMEM"}),
]  # fmt: skip

RUNS = [
    Run("one list too long", "def f(): return len([0] * 10**9)", (Status.MEMORY_LIMIT,), limits=SMALL),
    Run("a list that doubles", "def f():\n    a = [0]\n    while True: a = a + a", (Status.MEMORY_LIMIT,), limits=SMALL),
    Run("little by little", "def f():\n    a = []\n    while True: a.append(bytes(1 << 20))", (Status.MEMORY_LIMIT,), limits=SMALL),
    Run("a number too big", "def f(): return (1 << (1 << 33)).bit_length()", (Status.MEMORY_LIMIT,), limits=SMALL),
    Run("mapped and touched", "def f():\n    a = []\n    while True:\n        a.append(mmap.mmap(-1, 1 << 20))\n        a[-1][0] = 1", (OUT,), limits=SMALL),
    Run("files of memory, mapped", "def f():\n    a = []\n    while True: a.append(mmap.mmap(1, os.ftruncate(1, 1 << 20) or 1 << 20))", (OUT,), limits=SMALL),
    Run("stacks of threads", "def f():\n    threading.stack_size(60 << 20)\n    for _ in range(3): threading.Thread(target=time.sleep, args=(1000,)).start()", (OUT,), limits=SMALL),
    Run("recursion in C", "def f():\n    sys.setrecursionlimit(10**9)\n    a = ()\n    for _ in range(10**6): a = (a,)\n    return repr(a)", (OUT,), limits=SMALL),
    Run("swallowing every error", "def f():\n    a = []\n    while True:\n        try:\n            while True: a.append(bytes(1 << 16))\n        except MemoryError: pass", (Status.CPU_LIMIT,), limits=Limits(cpu_s=0.3, wall_s=20.0, memory_mb=64)),
    Run("pipes filled", "def f():\n    full = 0\n    try:\n        while True:\n            _, w = os.pipe()\n            os.set_blocking(w, False)\n            while full < 1 << 30: full += os.write(w, bytes(65536))\n            \n    except BlockingIOError: return full <= 1 << 20", (Ok(True),), limits=SMALL),
    Run("none left for the result", "def f():\n    a = []\n    try:\n        while True: a.append(bytes(1 << 12))\n    except MemoryError: pass\n    globals()['kept'] = a\n    return 'x' * 10**6", (frozenset({Status.MEMORY_LIMIT, Status.CRASHED, Status.OK}),), limits=SMALL),
    Run("while loading", "a = [0] * 10**9\ndef f(): return 1", (Status.MEMORY_LIMIT,), limits=SMALL),
]  # fmt: skip
