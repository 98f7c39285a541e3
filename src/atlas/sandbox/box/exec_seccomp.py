"""The system calls of a box in which programs may start others: the list of ``seccomp``, and what a runtime or a
compiler needs beside it.

It is an allow-list too: sockets (but connected pairs of unix sockets), namespaces, mounts, ptrace, io_uring, BPF,
keyrings, memory files, other processes' memory and limits are denied by not being on it.
"""

from __future__ import annotations

from atlas.sandbox.box import seccomp
from atlas.sandbox.box.seccomp import Call, allow_or_deny, argument, one_of

_MORE: dict[str, Call] = {
    # processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "wait4": (61, 260),
    "waitid": (247, 95), "setpgid": (109, 154), "setsid": (112, 157), "setrlimit": (160, 164),
    "sched_getaffinity": (204, 123), "capget": (125, 90), "arch_prctl": (158, None),
    # timers that signal the process itself
    "timer_create": (222, 107), "timer_settime": (223, 110), "timer_gettime": (224, 108),
    "timer_getoverrun": (225, 109), "timer_delete": (226, 111), "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87),
    # files
    "flock": (73, 32), "eventfd": (284, None), "preadv2": (327, 286), "pwritev2": (328, 287),
    "readahead": (187, 213), "epoll_pwait2": (441, 441),
}  # fmt: skip

_TKILL: Call = (200, 130)

_MODES_AND_TIMES: dict[str, Call] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "utime": (132, None),
    "utimes": (235, None), "utimensat": (280, 88), "futimesat": (261, None),
}  # fmt: skip
"""Not seen by Landlock: where the files outside belong to the program's own user these seem to succeed and do
nothing, which is what linkers and ``cp -p`` can live with."""

# NO_NEW_PRIVS and its query, GET_DUMPABLE, CAPBSET_READ, SET_VMA (names of mappings), GET_TIMERSLACK, PDEATHSIG.
_PRCTL_ALLOWED = (*seccomp.PRCTL_ALLOWED, 38, 39, 3, 23, 0x53564D41, 30, 1, 2)
# F_OFD_GETLK and F_OFD_SETLK: locks.
_FCNTL_ALLOWED = (*seccomp.FCNTL_ALLOWED, 36, 37, 38)


def assemble(*, own_files: bool, own_signals: bool) -> bytes:
    """Return the filter's template (see ``seccomp.Filter``).

    ``own_files``: whatever the program's user owns is in the box. ``own_signals``: so is every process that it may
    signal; else it may signal only itself and its own process group.
    """
    plain = [*seccomp.PLAIN.values(), *_MORE.values()]
    itself = {number: allow_or_deny((argument(0), seccomp.SELF)) for number in (seccomp.TGKILL, _TKILL)}
    itself[seccomp.KILL] = one_of(0, (0, seccomp.SELF))
    checked: dict[Call, bytes] = {
        seccomp.CLONE: allow_or_deny(seccomp.same_namespaces()),
        seccomp.PRLIMIT: allow_or_deny((argument(0), 0)),
        seccomp.PRCTL: one_of(0, _PRCTL_ALLOWED),
        seccomp.FCNTL: one_of(1, _FCNTL_ALLOWED),
        seccomp.IOCTL: one_of(1, seccomp.IOCTL_ALLOWED),
        seccomp.SOCKETPAIR: seccomp.stream_pair(packets=True),
        seccomp.GETSOCKOPT: one_of(2, seccomp.SOCKET_OPTIONS),
        seccomp.SETSOCKOPT: one_of(2, seccomp.SOCKET_OPTIONS),
    }
    if own_signals:
        plain += itself
    else:
        checked |= itself
    if own_files:
        plain += _MODES_AND_TIMES.values()
    else:
        checked |= dict.fromkeys(_MODES_AND_TIMES.values(), seccomp.answer(0))
    return seccomp.build(plain, checked)
