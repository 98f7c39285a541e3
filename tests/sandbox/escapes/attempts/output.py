"""Output beyond its limit, output in odd places, and output that is no text."""
# ruff: noqa: E501  (programs in a table)

from probe import Ok, Run

from atlas.sandbox import Limits, Status

SMALL = Limits(cpu_s=2.0, wall_s=20.0, output_bytes=1000)
DEAF = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
"""The signal of a file over its limit is ignored; the write then fails."""

RUNS = [
    Run("floods its output", "def f():\n    while True: print('x' * 100)", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("floods its errors", "def f():\n    while True: os.write(2, b'x' * 100)", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("floods its result", "def f():\n    while True: os.write(4, b'x' * 100)", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("floods its input", "def f():\n    while True: os.write(0, b'x' * 100)", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("floods its request", "def f():\n    while True: os.write(3, b'x' * 10**5)", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("floods a descriptor of its own", f"def f():\n    {DEAF}\n    fd = os.dup(1)\n    return attempt(lambda: [os.write(fd, b'x' * 1000) for _ in range(100)])", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("writes far behind the end", f"def f():\n    {DEAF}\n    return attempt(lambda: os.pwrite(1, b'x', 1 << 40))", (Ok("denied: EFBIG"),), limits=SMALL),
    Run("makes its output long without writing", f"def f():\n    {DEAF}\n    return attempt(lambda: os.ftruncate(1, 1 << 40))", (Ok("denied: EFBIG"),), limits=SMALL),
    Run("reserves a long output", f"def f():\n    {DEAF}\n    return attempt(lambda: os.posix_fallocate(1, 0, 1 << 30))", (Ok("denied: EFBIG"),), limits=SMALL),
    Run("its position beyond the end", "def f():\n    os.lseek(1, 1 << 40, 0)\n    return 1", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("its position before what was written", "def f():\n    print('x', flush=True)\n    os.lseek(1, 0, 0)\n    return 1", (Ok(1),), limits=SMALL),
    Run("zeros instead of text", "def f():\n    os.ftruncate(1, 500)\n    os.lseek(1, 500, 0)\n    return 1", (Ok(1),), limits=SMALL),
    Run("bytes that are no text", "def f():\n    os.write(1, bytes(range(256)))\n    return 1", (Ok(1),), limits=SMALL),
    Run("output mapped and changed", "def f():\n    os.ftruncate(1, 4096)\n    mmap.mmap(1, 4096)[:] = b'x' * 4096\n    return 1", (Ok(1),), limits=SMALL),
    Run("closes its output", "def f():\n    os.close(1)\n    os.close(2)\n    return 1", (frozenset({Status.CRASHED, Status.EXCEPTION}),), limits=SMALL),
    Run("seals its output", "def f(): return attempt(lambda: fcntl.fcntl(1, 1033, 15))", (Ok("denied: EPERM"),), limits=SMALL),
    Run("returns too much", "def f(): return 'x' * 10**5", (Status.OUTPUT_LIMIT,), limits=SMALL),
    Run("returns too much for one of a batch", "def f(x): return 'x' * x", (Ok("xx"), Status.OUTPUT_LIMIT, Ok("x")), ((2,), (7000,), (1,)), limits=SMALL),
    Run("a result of nothing but lines, in a large batch", f"def f(x):\n    {DEAF}\n    os.ftruncate(4, 1 << 20)\n    mmap.mmap(4, 1 << 20)[:] = bytes([10]) * (1 << 20)\n    os._exit(0)", (Status.CRASHED,) * 2, ((1,), (2,)), limits=Limits(output_bytes=1 << 20)),
    Run("a result that is one long line, in a batch", "def f(x):\n    if x: return x\n    os.write(4, b'[' + b'[],' * 500_000 + b'[]]' + bytes([10]))\n    os._exit(0)", (Status.OUTPUT_LIMIT, Ok(2)), ((0,), (2,)), limits=Limits(output_bytes=1 << 20)),
    Run("an exception with a long name and a long message", "def f(): raise type('E' * 10**6, (Exception,), {})('x' * 10**6)", (Status.EXCEPTION,)),
    Run("an exception with half characters", "def f(): raise ValueError(chr(0xd800) * 10**4)", (Status.EXCEPTION,)),
]  # fmt: skip
