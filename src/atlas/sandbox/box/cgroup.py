"""Memory of all that a box does, bounded by the kernel (cgroup v2), where a folder for it may be made.

A limit on address space holds for one process; this holds for the sum of a box's processes, and counts what they keep
in the kernel and in files in memory, too. There is one group a zygote, and only its limit changes from job to job.
https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from atlas.sandbox.box import scratch

_SLACK = 64 << 20
"""For what the kernel keeps for a box: page tables, stacks, pipes, inodes."""
_REMOVING_S = 2.0
_RAISED = b"1000"
"""Of OOM scores: before any other."""


@dataclass(frozen=True)
class Place:
    """Where groups may be made; ``folder`` is None if nowhere, and ``reason`` says why."""

    folder: str | None
    reason: str = ""


def find(proc: str = "/proc") -> Place:
    """Look for the nearest group at or above this process's own in which groups with a memory limit can be made.

    ``proc`` is a procfs. A process may be moved by whoever may write to both groups' nearest common ancestor, so that
    one must be writable as well, and it is the folder itself.
    """
    own = [line[3:] for line in _read(f"{proc}/self/cgroup").splitlines() if line.startswith("0::")]
    mounts = list(_mounts(proc))
    if not own or not mounts:
        return Place(None, "this system has no cgroup v2")
    for root, mount in mounts:
        top = root.rstrip("/")
        seen = ".." not in own[0].split("/")  # so is a group shown that is not in this namespace
        if seen and f"{own[0]}/".startswith(f"{top}/"):
            return _upwards(mount, f"{mount}{own[0].removeprefix(top)}".rstrip("/"))
    return Place(None, "its own cgroup cannot be seen")


def _mounts(proc: str) -> Iterator[tuple[str, str]]:
    """Yield root and place of every cgroup v2 mount (proc_pid_mountinfo(5))."""
    for line in _read(f"{proc}/self/mountinfo").splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            root, mount = fields.split()[3:5]
            yield root, re.sub(r"\\(\d{3})", lambda escaped: chr(int(escaped[1], 8)), mount)


def _upwards(mount: str, folder: str) -> Place:
    controlled = False
    while True:
        if "memory" in _read(f"{folder}/cgroup.subtree_control").split():
            controlled = True
            if all(os.access(path, os.W_OK) for path in (folder, f"{folder}/cgroup.procs")):
                return Place(folder)
        if folder == mount:
            break
        folder = os.path.dirname(folder)
    why = "no cgroup above it that bounds memory is writable" if controlled else "its cgroup v2 does not control memory"
    return Place(None, why)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:  # a kernel without cgroups; and the root has fewer files than the others
        return ""


def proved(place: Place) -> Place:
    """Return ``place`` if a process can be bounded there, which the modes of files do not tell for sure."""
    if place.folder is None:
        return place
    group = f"{place.folder}/{scratch.name(os.getpid())}trial"
    try:
        os.mkdir(group)
    except OSError as error:
        return Place(None, f"no cgroup can be made in {place.folder}: {error.strerror}")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            Bound.enter(group).allow(1 << 30)
            status = 0
        finally:
            os._exit(status)
    refused = os.waitpid(pid, 0)[1]
    os.rmdir(group)
    return Place(None, f"no process can be moved into a cgroup in {place.folder}") if refused else place


class Groups:
    """The groups of one nursery's zygotes, each a folder in ``place``."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._of: dict[int, str] = {}
        self._left: list[str] = []
        if place.folder is not None:
            self._left += scratch.left_by_the_dead(place.folder)
            self._remove_left()

    def make(self, number: int) -> str | None:
        """Make the group of zygote ``number``; None where there can be none.

        Raises:
            OSError: there can be, but it was refused.
        """
        if self.place.folder is None:
            return None
        folder = f"{self.place.folder}/{scratch.name(os.getpid())}{number}"
        os.mkdir(folder)
        self._of[number] = folder
        with suppress(FileNotFoundError):  # a kernel that does not count swap
            _write(f"{folder}/memory.swap.max", "0")
        return folder

    def remove(self, number: int) -> None:
        """End what is in a zygote's group, and remove it as soon as it is empty."""
        if number in self._of:
            self._left.append(self._of.pop(number))
            self._remove_left()

    def close(self) -> None:
        """Remove all groups; waits a little for processes that are about to end."""
        for number in list(self._of):
            self.remove(number)
        end = time.monotonic() + _REMOVING_S
        while self._left and time.monotonic() < end:
            time.sleep(0.005)
            self._remove_left()

    def _remove_left(self) -> None:
        left, self._left = self._left, []
        for folder in left:
            try:
                with suppress(FileNotFoundError):  # before Linux 5.14
                    _write(f"{folder}/cgroup.kill", "1")
                os.rmdir(folder)
            except FileNotFoundError:
                continue
            except OSError:  # a process in it has not quite ended
                self._left.append(folder)


class Bound:
    """A zygote's hold on its group: opened before the box is set up, for the folder is not in sight from there."""

    def __init__(self, limit: int, events: int) -> None:
        """``limit`` and ``events`` are descriptors of the group's ``memory.max`` and ``memory.events``."""
        self.limit, self.events = limit, events
        self._base = _SLACK
        self._allowed = 0
        self._kills = 0

    @classmethod
    def enter(cls, folder: str) -> Bound:
        """Move this process into the group ``folder``.

        Raises:
            OSError: the group is not to be entered.
        """
        _write(f"{folder}/cgroup.procs", "0")
        limit = os.open(f"{folder}/memory.max", os.O_WRONLY | os.O_CLOEXEC)
        return cls(limit, os.open(f"{folder}/memory.events", os.O_RDONLY | os.O_CLOEXEC))

    def keep(self, size: int) -> None:
        """Allow ``size`` bytes more for good: what the box itself takes."""
        self._base += size

    def allow(self, size: int) -> None:
        """Let the box's programs, their files and their output take ``size`` bytes."""
        if (wanted := self._base + size) != self._allowed:
            os.pwrite(self.limit, b"%d" % wanted, 0)
            self._allowed = wanted

    def killed(self) -> bool:
        """Say whether the kernel killed a process of the group for memory since this was last asked."""
        fields = dict(line.split() for line in os.pread(self.events, 4096, 0).splitlines())
        before, self._kills = self._kills, int(fields[b"oom_kill"])
        return self._kills > before


def offer(proc: int) -> None:
    """Make this process, and what it starts, the first to be killed for memory: before those that watch it.

    ``proc`` is a descriptor of a procfs. Where it is refused the kernel chooses by size.
    """
    with suppress(OSError):
        score = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=proc)
        os.write(score, _RAISED)
        os.close(score)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never made: the kernel's files are there
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)
