"""The system calls that a program may make: an allow-list as classic BPF (seccomp(2)), assembled here.

What is not on the list gets EPERM, so that a program meets an ordinary exception. Threads may be made,
processes may not: with no second process there is nothing to outlive an execution, and the limits on one
process bound all of it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Mapping, Sequence

from atlas.sandbox.box import kernel
from atlas.sandbox.box.kernel import AARCH64

Call = tuple[int | None, int | None]
"""A system call's numbers on x86-64 and aarch64; None where the architecture has no such call."""

PLAIN: dict[str, Call] = {
    # memory, threads, time
    "futex": (202, 98), "mmap": (9, 222), "munmap": (11, 215), "mprotect": (10, 226), "mremap": (25, 216),
    "madvise": (28, 233), "brk": (12, 214), "read": (0, 63), "write": (1, 64), "clock_gettime": (228, 113),
    "mincore": (27, 232), "msync": (26, 227), "membarrier": (324, 283), "getcpu": (309, 168),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "rseq": (334, 293),
    "set_tid_address": (218, 96), "sched_yield": (24, 124), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "sched_rr_get_interval": (148, 127), "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115), "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None),
    "times": (100, 153), "getrusage": (98, 165), "getitimer": (36, 102), "setitimer": (38, 103),
    "alarm": (37, None), "pause": (34, None), "restart_syscall": (219, 128), "exit": (60, 93),
    "exit_group": (231, 94), "getrandom": (318, 278), "sysinfo": (99, 179), "uname": (63, 160),
    # signals, to itself
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136), "rt_sigsuspend": (130, 133), "rt_sigtimedwait": (128, 137),
    "sigaltstack": (131, 132),
    # who am I
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getpgid": (121, 155), "getpgrp": (111, None), "getsid": (124, 156),
    "getgroups": (115, 158), "getrlimit": (97, 163),
    # files, as far as mounts and Landlock let it. Nothing that Landlock does not see is here (chmod,
    # utimensat, truncate by path, extended attributes): where there are no mount namespaces the files are
    # the user's own.
    "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "pwrite64": (18, 68), "preadv": (295, 69),
    "pwritev": (296, 70), "open": (2, None), "openat": (257, 56), "close": (3, 57), "close_range": (436, 436),
    "stat": (4, None), "lstat": (6, None), "fstat": (5, 80), "newfstatat": (262, 79), "statx": (332, 291),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None),
    "readlinkat": (267, 78), "getdents64": (217, 61), "lseek": (8, 62), "getcwd": (79, 17), "chdir": (80, 49),
    "fchdir": (81, 50), "umask": (95, 166), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "mkdir": (83, None), "mkdirat": (258, 34), "unlink": (87, None), "unlinkat": (263, 35), "rmdir": (84, None),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "symlink": (88, None),
    "symlinkat": (266, 36), "ftruncate": (77, 46), "fsync": (74, 82), "fdatasync": (75, 83),
    "fallocate": (285, 47), "statfs": (137, 43), "fstatfs": (138, 44), "fadvise64": (221, 223),
    "copy_file_range": (326, 285), "sendfile": (40, 71),
    # pipes, waiting, and what a socketpair needs
    "pipe": (22, None), "pipe2": (293, 59), "poll": (7, None), "ppoll": (271, 73), "select": (23, None),
    "pselect6": (270, 72), "epoll_create": (213, None), "epoll_create1": (291, 20), "epoll_ctl": (233, 21),
    "epoll_wait": (232, None), "epoll_pwait": (281, 22), "eventfd2": (290, 19), "sendto": (44, 206),
    "recvfrom": (45, 207), "shutdown": (48, 210),
    "getsockname": (51, 204), "getpeername": (52, 205),
}  # fmt: skip

CLONE, _CLONE3 = (56, 220), 435
KILL, TGKILL, PRLIMIT = (62, 129), (234, 131), (302, 261)
_SCHED_GETAFFINITY = (204, 123)
PRCTL, FCNTL, IOCTL, SOCKETPAIR = (157, 167), (72, 25), (16, 29), (53, 199)
GETSOCKOPT, SETSOCKOPT = (55, 209), (54, 208)

PRCTL_ALLOWED = (15, 16)  # PR_SET_NAME, PR_GET_NAME
# No F_SETOWN, F_SETSIG: they send signals to others.
FCNTL_ALLOWED = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)
# TCGETS (isatty), FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCGWINSZ; not TIOCSTI, not FIOSETOWN.
IOCTL_ALLOWED = (0x5401, 0x541B, 0x5421, 0x5451, 0x5450, 0x5413)
# SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_PROTOCOL, SO_DOMAIN: nothing that names the process at the other end
# (SO_PEERPIDFD) or attaches a filter.
SOCKET_OPTIONS = (3, 4, 7, 8, 38, 39)
_AF_UNIX, _SOCK_STREAM, _SOCK_PACKETS, _SOCK_TYPE_MASK = 1, 1, 4, 0xF

_THREAD = 0x00010000 | 0x00000100  # CLONE_THREAD, CLONE_VM
_NEW_NAMESPACES = 0x7E020080

SELF = 0x7A11AB1E  # no pid, no system call, no opcode

_AUDIT_ARCH = 0xC00000B7 if AARCH64 else 0xC000003E

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000

# Opcodes: load a word of seccomp_data at k; and with k; jump if equal to, or at least, k; jump by k; return k.
_LOAD, _AND, _JEQ, _JGE, _JUMP, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x05, 0x06
_NUMBER, _ARCH, _ARGS = 0, 4, 16


def _errno(code: int) -> int:
    return 0x00050000 | code


def _word(opcode: int, k: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", opcode, if_true, if_false, k)


def argument(index: int) -> bytes:
    """Load the low half of an argument; every argument checked here is an int in the kernel."""
    return _word(_LOAD, _ARGS + 8 * index)


def allow_or_deny(*tests: tuple[bytes, int]) -> bytes:
    """Allow the call if every ``(load, value)`` holds, in order; else EPERM."""
    out = b""
    left = len(tests)
    for load, value in tests:
        # On a mismatch jump over what is left of the tests and over the ALLOW behind them.
        left -= 1
        after = sum(len(other) // 8 + 1 for other, _ in tests[len(tests) - left :]) + 1
        out += load + _word(_JEQ, value, 0, after)
    return out + _word(_RETURN, _ALLOW) + _word(_RETURN, _errno(errno.EPERM))


def one_of(index: int, values: Iterable[int]) -> bytes:
    """Allow the call if an argument is one of ``values``; else EPERM."""
    listed = list(values)
    out = argument(index)
    for place, value in enumerate(listed):
        out += _word(_JEQ, value, len(listed) - place, 0)
    return out + _word(_RETURN, _errno(errno.EPERM)) + _word(_RETURN, _ALLOW)


def answer(code: int) -> bytes:
    """Return the body that makes a call fail with ``code``; 0 lets it seem to succeed."""
    return _word(_RETURN, _errno(code))


class _Header(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]


class Filter:
    """A filter that is ready to be installed, by any process that inherits this one's memory.

    ``template`` may hold ``SELF`` where the pid of the process stands that it is for.
    """

    def __init__(self, template: bytes) -> None:
        self._program = ctypes.create_string_buffer(template, len(template))
        self._pids = [
            ctypes.c_uint32.from_buffer(self._program, at)
            for at in range(4, len(template), 8)
            if template[at : at + 4] == SELF.to_bytes(4, "little")
        ]
        self._header = _Header(len(template) // 8, ctypes.addressof(self._program))
        self._address = ctypes.addressof(self._header)

    def install(self) -> None:
        """Put this thread, and what it starts, under the filter for good.

        Raises:
            OSError: the kernel refuses it.
        """
        pid = os.getpid()
        for place in self._pids:
            place.value = pid
        kernel.set_seccomp(self._address)


def assemble() -> bytes:
    """Return the filter's template; see ``Filter``."""
    thread = argument(0) + _word(_AND, _THREAD), _THREAD
    checked: dict[Call, bytes] = {
        CLONE: allow_or_deny(thread, same_namespaces()),
        KILL: allow_or_deny((argument(0), SELF)),
        TGKILL: allow_or_deny((argument(0), SELF)),
        PRLIMIT: allow_or_deny((argument(0), 0)),
        _SCHED_GETAFFINITY: allow_or_deny((argument(0), 0)),
        PRCTL: one_of(0, PRCTL_ALLOWED),
        FCNTL: one_of(1, FCNTL_ALLOWED),
        IOCTL: one_of(1, IOCTL_ALLOWED),
        SOCKETPAIR: stream_pair(),
        GETSOCKOPT: one_of(2, SOCKET_OPTIONS),
        SETSOCKOPT: one_of(2, SOCKET_OPTIONS),
    }
    return build(PLAIN.values(), checked)


def same_namespaces() -> tuple[bytes, int]:
    """Return the test that a clone makes no namespace."""
    return argument(0) + _word(_AND, _NEW_NAMESPACES), 0


def stream_pair(*, packets: bool = False) -> bytes:
    """Return the body that allows a socketpair of unix streams, or (``packets``) sequenced packets, only."""
    # SOCK_SEQPACKET is SOCK_STREAM and one bit more, which no other type has together with it.
    kind = argument(1) + _word(_AND, _SOCK_TYPE_MASK & ~_SOCK_PACKETS if packets else _SOCK_TYPE_MASK)
    return allow_or_deny((argument(0), _AF_UNIX), (kind, _SOCK_STREAM))


def build(plain: Iterable[Call], checked: Mapping[Call, bytes]) -> bytes:
    """Return the filter that allows the calls ``plain``, asks the bodies of ``checked``, and denies the rest.

    It searches by halves: when a filter is installed the kernel plays it through for every number there is, so that a
    list tested one by one costs more than all else that confines a process.
    """
    bodies = {**dict.fromkeys(plain, _word(_RETURN, _ALLOW)), **checked}
    # glibc falls back on clone, whose flags a filter can read.
    bodies[_CLONE3, _CLONE3] = answer(errno.ENOSYS)
    column = 1 if AARCH64 else 0
    known = {number: body for numbers, body in bodies.items() if (number := numbers[column]) is not None}
    out = _word(_LOAD, _ARCH) + _word(_JEQ, _AUDIT_ARCH, 1, 0) + _word(_RETURN, _KILL_PROCESS)
    return out + _word(_LOAD, _NUMBER) + _search(_spans(known))


def _spans(bodies: Mapping[int, bytes]) -> list[tuple[int, bytes]]:
    """Return from which number on which body holds, in order and without a gap; what has none is denied."""
    denied = answer(errno.EPERM)
    spans: list[tuple[int, bytes]] = []
    for number in sorted({0, *bodies, *(number + 1 for number in bodies)}):
        body = bodies.get(number, denied)
        if not spans or spans[-1][1] != body:
            spans.append((number, body))
    return spans


def _search(spans: Sequence[tuple[int, bytes]]) -> bytes:
    """Run the body of the span that the number, already loaded, is in."""
    if len(spans) == 1:
        return spans[0][1]
    middle = len(spans) // 2
    below, above = _search(spans[:middle]), _search(spans[middle:])
    over = len(below) // 8
    # A conditional jump goes no further than 255.
    jump = _word(_JGE, spans[middle][0], over, 0) if over < 256 else _word(_JGE, spans[middle][0], 0, 1)
    return jump + (b"" if over < 256 else _word(_JUMP, over)) + below + above
