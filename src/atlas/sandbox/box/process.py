"""What a zygote of either kind is as a process: its user, its memory, and its place as pid 1."""

from __future__ import annotations

import mmap
import os
import signal

from atlas.sandbox.box import kernel

_UID_BASE = 1_700_000_000
_FEW_USERS = 4096


def private_uid(number: int) -> int | None:
    """Return a uid that nothing else is likely to run under; None if this user namespace knows too few
    users.
    """
    with open("/proc/self/uid_map", encoding="ascii") as file:
        ranges = [(int(first), int(count)) for first, _, count in map(str.split, file)]
    first, count = max(ranges, key=lambda r: r[1])
    if count < _FEW_USERS:
        return None
    if first <= _UID_BASE + number < first + count:
        return _UID_BASE + number
    return first + count // 2 + number % (count // 4)


def process_memory(proc: int) -> tuple[int, int]:
    """Return the bytes of address space that this process has, and those that are resident."""
    with open(os.open("self/statm", os.O_RDONLY, dir_fd=proc), encoding="ascii") as file:
        size, resident = (int(pages) * mmap.PAGESIZE for pages in file.read().split()[:2])
    return size, resident


def become_init(nursery: int) -> None:
    """Go on as pid 1 of the new pid namespace: when it ends, the kernel kills all in it.

    The process that came in stays outside, waits, and ends with it.
    """
    # The change of credentials undid this.
    kernel.die_with_parent(nursery)
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        os._exit(0)
    # In the new namespace the parent, outside it, is 0.
    kernel.die_with_parent(0)
    # A signal that pid 1 has no handler for cannot be sent to it from inside.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
