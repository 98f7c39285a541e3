"""What the processes of one execution use, read from a procfs."""

from __future__ import annotations

import mmap
import os
import resource
from dataclasses import dataclass

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STAT_BYTES = 1024


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
    own_s: float
    reaped_s: float
    tasks: int
    started: int
    resident: int


class Census:
    """Watches the descendants of this process.

    ``proc`` is a descriptor of a procfs; None where there is none: then only what has ended is known of.
    """

    def __init__(self, proc: int | None) -> None:
        self._proc = proc
        self._seen: dict[tuple[int, int], float] = {}
        """CPU seconds of every process ever seen, by pid and start: one that its parent ignores is in no other sum."""

    def take(self) -> Usage:
        """Return what is used now."""
        living = self._descendants()
        for process in living:
            self._seen[process.pid, process.started] = process.own_s
        running = sum(process.own_s + process.reaped_s for process in living)
        return Usage(
            cpu_s=max(running + reaped_cpu_s(), sum(self._seen.values())),
            resident=sum(process.resident for process in living),
            tasks=sum(process.tasks for process in living),
            pids=tuple(process.pid for process in living),
        )

    def total_s(self) -> float:
        """Return the CPU seconds of all, once nothing runs any more."""
        return max(reaped_cpu_s(), sum(self._seen.values()))

    def _descendants(self) -> list[_Process]:
        if self._proc is None:
            return []
        every = [p for name in os.listdir(self._proc) if name.isdecimal() and (p := self._read(name))]
        children: dict[int, list[_Process]] = {}
        for process in every:
            children.setdefault(process.parent, []).append(process)
        found: list[_Process] = []
        queue = [os.getpid()]
        while queue:
            below = children.pop(queue.pop(), [])
            found += below
            queue += [process.pid for process in below]
        return found

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
        fields = [int(field) for field in text.rpartition(b")")[2].split()[1:]]
        return _Process(
            pid=int(pid),
            parent=fields[0],
            own_s=(fields[10] + fields[11]) / _TICKS_PER_S,
            reaped_s=(fields[12] + fields[13]) / _TICKS_PER_S,
            tasks=fields[16],
            started=fields[18],
            resident=fields[20] * mmap.PAGESIZE,
        )


def reaped_cpu_s() -> float:
    """Return the CPU seconds of the children that this process has waited for, and of those that they waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def reaped_peak() -> int:
    """Return the most bytes that one of those processes had resident."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
