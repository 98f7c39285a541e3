"""io_uring, BPF and the other parts of the kernel that no program here needs."""
# ruff: noqa: E501  (programs in a table)

from probe import SYSCALL, Denied

REFUSED = [
    Denied("sets io_uring up", "call('io_uring_setup', 8, ctypes.create_string_buffer(256))", SYSCALL, {"got", "EPERM"}),
    Denied("enters io_uring", "call('io_uring_enter', 0, 1, 0, 0, None, 0)", SYSCALL, {"ENOTSUP", "EBADF"}),
    Denied("registers with io_uring", "call('io_uring_register', 0, 0, None, 0)", SYSCALL, {"ENOTSUP", "EBADF", "EINVAL"}),
    Denied("the older asynchronous calls", "call('io_setup', 1, ctypes.create_string_buffer(8))"),
    Denied("makes a BPF map", "call('bpf', 0, ctypes.create_string_buffer(struct.pack('<IIIII', 2, 4, 8, 1, 0), 128), 128)"),
    Denied("handles page faults", "call('userfaultfd', 0)"),
    Denied("handles page faults of user mode", "call('userfaultfd', 1)"),
    Denied("makes a file of memory", "os.memfd_create('x')"),
    Denied("makes a secret file of memory", "call('memfd_secret', 0)"),
    Denied("makes shared memory", "call('shmget', 0, 4096, 0o1600)"),
    Denied("makes semaphores", "call('semget', 0, 1, 0o1600)"),
    Denied("makes a message queue", "call('msgget', 0, 0o1600)"),
    Denied("changes its personality", "call('personality', 0x0040000)"),
    Denied("changes its segments", "call('modify_ldt', 0, buffer(), 16)"),
    Denied("changes its segment base", "call('arch_prctl', 0x1004, buffer(8))"),
    Denied("raises its I/O privilege", "call('iopl', 0)"),
    Denied("asks for ports", "call('ioperm', 0x378, 1, 0)"),
    Denied("loads a kernel", "call('kexec_load', 0, 0, None, 1 << 5)", SYSCALL, {"EINVAL"}),
    Denied("restarts the machine", "call('reboot', 0, 0, 0, None)", SYSCALL, {"EINVAL"}),
    Denied("reads the kernel's log", "call('syslog', 10, None, 0)"),
    Denied("turns accounting on", "call('acct', b'/nothing/at/all')", SYSCALL, {"ENOENT"}),
    Denied("swaps", "call('swapon', b'/nothing/at/all', 0)", SYSCALL, {"ENOENT"}),
    Denied("makes rules of Landlock", "call('landlock_create_ruleset', None, 0, 1)", SYSCALL, {"got", "ENOTSUP"}),
    Denied("chooses memory nodes", "call('set_mempolicy', 0, None, 0)"),
    Denied("binds memory to nodes", "call('mbind', 0, 0, 0, None, 0, 0)"),
    Denied("keys of memory protection", "call('pkey_alloc', 0, 0)", SYSCALL, {"got", "ENOSPC", "EINVAL"}),
    Denied("pours memory into a pipe", "call('vmsplice', os.pipe()[1], vector(KEPT := buffer()), 1, 0)", SYSCALL, {"got", "EPIPE", "EBADF"}),
    Denied("splices pipes", "call('splice', os.pipe()[0], None, os.pipe()[1], None, 1, 2)", SYSCALL, {"got", "EAGAIN"}),
]  # fmt: skip
