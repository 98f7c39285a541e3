"""What the processes of one execution use, read from a procfs."""

from __future__ import annotations

import mmap
import os
import resource
import time
from dataclasses import dataclass

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STAT_BYTES = 1024
_FLOORED_S = 2 / _TICKS_PER_S
"""By how much a procfs may tell too little of the time of the children that a process waited for (two figures)."""
_ALIKE = 0.95
"""A kernel without ticks keeps two accounts of CPU time that agree by and large."""


@dataclass(frozen=True)
class Usage:
    """CPU seconds used so far, bytes resident now (shared pages once a process), threads alive, and processes."""

    cpu_s: float
    resident: int
    tasks: int
    pids: tuple[int, ...]


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    running: bool
    own_s: float
    reaped_s: float
    tasks: int
    started: int
    resident: int


class Census:
    """Watches the descendants of this process.

    The time of a child goes to its parent when that waits for it. Where the parent ignores SIGCHLD nobody is told
    what the child took; then at every look each process that runs and was not there before stands for what ran
    since the look before (a statistical profile), on no more cores than there are.

    ``proc`` is a descriptor of a procfs; None where there is none: then only what has ended is known of.
    """

    def __init__(self, proc: int | None) -> None:
        self._proc = proc
        self._seen: dict[tuple[int, int], float] = {}
        """CPU seconds of every process ever seen, by pid and start."""
        self._looked = time.monotonic()
        self._cores = len(os.sched_getaffinity(0))
        self._sampled_s = 0.0
        self._untold = False
        """Whether processes have ended whose time went to no parent."""

    def take(self) -> Usage:
        """Return what is used now."""
        living, complete = self._descendants()
        before, self._looked = self._looked, time.monotonic()
        new = 0
        own_s = reaped_s = 0.0
        for process in living:
            key = process.pid, process.started
            new += process.running and key not in self._seen
            self._seen[key] = max(process.own_s, cpu_s_of(process.pid), self._seen.get(key, 0.0))
            own_s += self._seen[key]
            reaped_s += process.reaped_s
        self._sampled_s += min(new, self._cores) * (self._looked - before)
        told_s = own_s + reaped_s + reaped_cpu_s()
        if complete and sum(self._seen.values()) * _ALIKE > told_s + len(living) * _FLOORED_S:
            self._untold = True
        return Usage(
            cpu_s=self._at_least(told_s),
            resident=sum(process.resident for process in living),
            tasks=sum(process.tasks for process in living),
            pids=tuple(process.pid for process in living),
        )

    def total_s(self) -> float:
        """Return the CPU seconds of all, once nothing runs any more."""
        return self._at_least(reaped_cpu_s())

    def _at_least(self, told_s: float) -> float:
        return max(told_s, sum(self._seen.values())) + self._untold * self._sampled_s

    def _descendants(self) -> tuple[list[_Process], bool]:
        """Return those alive; false beside them if one that was seen before ended during the look.

        Its time may then be in no sum: the parent it went to can have been read already.
        """
        if self._proc is None:
            return [], False
        names = [name for name in os.listdir(self._proc) if name.isdecimal()]
        every = [process for name in names if (process := self._read(name))]
        lost = {*map(int, names)} - {process.pid for process in every}
        children: dict[int, list[_Process]] = {}
        for process in every:
            children.setdefault(process.parent, []).append(process)
        found: list[_Process] = []
        queue = [os.getpid()]
        while queue:
            below = children.pop(queue.pop(), [])
            found += below
            queue += [process.pid for process in below]
        return found, lost.isdisjoint(pid for pid, _ in self._seen)

    def _read(self, pid: str) -> _Process | None:
        try:
            fd = os.open(f"{pid}/stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return None  # it has ended
        try:
            text = os.read(fd, _STAT_BYTES)
        except ProcessLookupError:
            return None
        finally:
            os.close(fd)
        # proc_pid_stat(5): the name may hold anything, so count from behind it.
        state, *rest = text.rpartition(b")")[2].split()
        fields = [int(field) for field in rest]
        return _Process(
            pid=int(pid),
            parent=fields[0],
            running=state == b"R" or fields[16] > 1,  # the state is that of the first thread
            own_s=(fields[10] + fields[11]) / _TICKS_PER_S,
            reaped_s=(fields[12] + fields[13]) / _TICKS_PER_S,
            tasks=fields[16],
            started=fields[18],
            resident=fields[20] * mmap.PAGESIZE,
        )


def cpu_s_of(pid: int) -> float:
    """Return the CPU seconds of one process, exact where the procfs counts in ticks (clock_getcpuclockid)."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0  # it has just ended


def reaped_cpu_s() -> float:
    """Return the CPU seconds of the children that this process has waited for, and of those that they waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def reaped_peak() -> int:
    """Return the most bytes that one of those processes had resident."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
