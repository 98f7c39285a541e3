"""Looking into other processes and changing them."""
# ruff: noqa: E501  (programs in a table)

from probe import SYSCALL, Denied, Run

from atlas.sandbox import Status

REFUSED = [
    Denied("traces a process", "call('ptrace', 0x4206, host['pid'], 0, 0)"),
    Denied("traces the judge", "call('ptrace', 0x4206, host['judge'], 0, 0)", SYSCALL, None),
    Denied("traces its parent", "call('ptrace', 16, os.getppid() or 1, 0, 0)", SYSCALL, None),
    Denied("is traced by its parent", "call('ptrace', 0, 0, 0, 0)"),
    Denied("lets anybody trace it", "call('prctl', 0x59616d61, -1, 0, 0, 0)", SYSCALL, {"got", "EINVAL"}),
    Denied("reads a process's memory", "call('process_vm_readv', host['pid'], vector(buffer()), 1, vector(None, 8), 1, 0)", SYSCALL, {"EFAULT"}),
    Denied("writes a process's memory", "call('process_vm_writev', host['pid'], vector(buffer()), 1, vector(None, 8), 1, 0)", SYSCALL, {"EFAULT"}),
    Denied("reads its own memory that way", "call('process_vm_readv', os.getpid(), vector(MINE := buffer()), 1, vector(MINE), 1, 0)"),
    Denied("takes a process's descriptor", "call('pidfd_getfd', os.pidfd_open(host['pid']), 0, 0)"),
    Denied("takes a descriptor by a number that is none", "call('pidfd_getfd', 0, 0, 0)", SYSCALL, {"EBADF"}),
    Denied("compares two processes", "call('kcmp', os.getpid(), host['pid'], 1, 0, 0)"),
    Denied("advises on a process's memory", "call('process_madvise', 0, None, 0, 20, 0)", SYSCALL, {"EBADF"}),
    Denied("releases a process's memory", "call('process_mrelease', 0, 0)", SYSCALL, {"EBADF"}),
    Denied("moves a process's pages", "call('move_pages', host['pid'], 0, None, None, None, 0)"),
    Denied("counts a process's events", "call('perf_event_open', ctypes.create_string_buffer(struct.pack('<IIQ', 1, 112, 0), 112), host['pid'], -1, -1, 0)", SYSCALL, {"got", "ENOENT", "EACCES", "ENOTSUP"}),
    Denied("counts its own events", "call('perf_event_open', ctypes.create_string_buffer(struct.pack('<IIQ', 1, 112, 0), 112), 0, -1, -1, 0)", SYSCALL, {"got", "ENOENT", "ENOTSUP"}),
]  # fmt: skip

RUNS = [
    Run("leaves no core behind", "def f():\n    attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)))\n    os.abort()", (Status.CRASHED,), error="killed by SIGABRT"),
]  # fmt: skip
