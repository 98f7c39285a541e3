"""The descriptors that a program has, may make, and may do things to."""
# ruff: noqa: E501  (programs in a table)

from probe import SYSCALL, Denied, Ok, Run

from atlas.sandbox import Status

REFUSED = [
    Denied("a pipe of a megabyte", "fcntl.fcntl(os.pipe()[0], 1031, 1 << 20)"),
    Denied("seals its request", "fcntl.fcntl(3, 1034)", SYSCALL, None),
    Denied("signals about input", "fcntl.fcntl(os.pipe()[0], 8, os.getpid())"),
    Denied("reads a descriptor of the zygote", "[os.fstat(fd) for fd in range(5, 1024)]", frozenset({"EBADF"}), None),
    Denied("duplicates beyond the limit", "fcntl.fcntl(0, fcntl.F_DUPFD, 64)", frozenset({"EINVAL"})),
    Denied("asks for more descriptors", "refused_as(ValueError, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)))"),
    Denied("sets a descriptor's asynchronous mode by ioctl", "fcntl.ioctl(os.pipe()[0], 0x5452, struct.pack('<i', 1))"),
    Denied("takes a terminal for its own", "fcntl.ioctl(0, 0x540E, 0)", SYSCALL, {"ENOTTY"}),
]  # fmt: skip

OPEN = """
def f():
    kinds = []
    for fd in range(1024):
        try: kinds.append((fd, os.fstat(fd).st_nlink, os.fstat(fd).st_size > 0))
        except OSError: pass
    return kinds
"""

RUNS = [
    Run("has its five files of memory and no more", OPEN, (Ok([(0, 0, False), (1, 0, False), (2, 0, False), (3, 0, True), (4, 0, False)]),)),
    Run("uses all that it may have", "def f():\n    n = 0\n    try:\n        while True: n += os.dup(0) > 0\n    except OSError as e: return [n, errno.errorcode[e.errno]]", (Ok([59, "EMFILE"]),)),
    Run("closes all", "def f():\n    os.closerange(0, 64)\n    return 1", (Status.CRASHED,)),
    Run("closes all and goes on", "def f():\n    os.closerange(0, 64)\n    while True: pass", (Status.CPU_LIMIT,)),
    Run("sees nothing of an earlier input", "def f(x):\n    if x: return os.read(0, 9)\n    return os.write(0, b'evil')", (Ok(4), Ok(b"")), ((0,), (1,))),
    Run("finds what was asked and no more", "def f(x): return sorted(marshal.loads(os.pread(3, 10**6, 0)))", (Ok(["code", "entry", "inputs", "role"]),), ((1,),)),
]  # fmt: skip
