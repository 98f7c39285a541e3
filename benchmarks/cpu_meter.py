"""CPU time of a process and everything that it ever started, whether it was waited for or not.

A control group counts exactly. Where none can be made (no version 2 tree that we may write to, no version 1
``cpuacct``), the process tree is added up from /proc, to a hundredth of a second: each process's own time and its
waited-for children's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_TICKS = os.sysconf("SC_CLK_TCK")
_numbers = itertools.count()


class Meter(Protocol):
    """``how`` says what counts."""

    how: str

    def seconds(self) -> float:
        """CPU seconds so far."""
        ...

    def close(self) -> None:
        """Forget; all the processes have ended."""
        ...


def meter(pid: int) -> Meter:
    """A meter of ``pid``, which has started nothing yet."""
    for make in (_version_2, _version_1):
        group = make()
        if group is not None:
            with contextlib.suppress(OSError):
                return ControlGroup(group, pid)
    return ProcessTree(pid)


class ControlGroup:
    """A group of its own, of either version."""

    def __init__(self, folder: Path, pid: int) -> None:
        folder.mkdir()
        self._folder = folder
        self._first = folder / "cpuacct.usage"
        self.how = "cgroup v1 cpuacct" if self._first.exists() else "cgroup v2 cpu.stat"
        try:
            (folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            folder.rmdir()
            raise

    def seconds(self) -> float:
        if self._first.exists():
            return int(self._first.read_text()) / 1e9
        return int((self._folder / "cpu.stat").read_text().split()[1]) / 1e6

    def close(self) -> None:
        for _ in range(100):
            with contextlib.suppress(OSError):  # the kernel takes a moment to let go of the last process
                self._folder.rmdir()
                break
            time.sleep(0.05)


class ProcessTree:
    """The sum over a process and all that descend from it."""

    how = "sum over /proc/*/stat"

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def seconds(self) -> float:
        stats = dict(_stats())
        inside = {self._pid}
        while more := {pid for pid, (parent, _) in stats.items() if parent in inside} - inside:
            inside |= more
        return sum(stats[pid][1] for pid in inside if pid in stats) / _TICKS

    def close(self) -> None:
        pass


def _stats() -> Iterator[tuple[int, tuple[int, int]]]:
    """Parent and ticks of every process."""
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            yield int(name), (int(fields[1]), sum(map(int, fields[11:15])))


def _version_2() -> Path | None:
    root = Path("/sys/fs/cgroup")
    return _group("", root) if (root / "cgroup.controllers").exists() else None


def _version_1() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, options, *_ = line.split()
        if kind == "cgroup" and "cpuacct" in options.split(","):
            return _group("cpuacct", Path(mount))
    return None


def _group(controller: str, root: Path) -> Path | None:
    """A name for a group below our own; version 2 has no controller's name in its line."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return root / path.lstrip("/") / f"measured-{os.getpid()}-{next(_numbers)}"
    return None
