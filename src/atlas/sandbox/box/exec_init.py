"""What watches one execution: it prepares the box, starts the program in it, bounds it, and ends all that it started.

Where it may make namespaces it is pid 1 of the execution's own; else every orphan becomes its child. It reads
nothing that a program wrote until nothing runs any more, and then plain files only.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import select
import signal
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from atlas.sandbox.box import bundle, descendants, exec_child, exec_namespaces, kernel, landlock, scratch, wire
from atlas.sandbox.box.exec_layout import KIT, PROC, SCRATCH
from atlas.sandbox.box.procfs import Census, Usage, cpu_s_of, reaped_peak

STDIN, STDOUT, STDERR, MADE, FIRST_BUNDLE = range(5)
"""Places of a job's descriptors: the program's three, what is collected, and the bundles to unpack."""

_REPORT = struct.Struct("<I")
_FIRST_LOOK_S, _LOOK_EVERY_S = 0.02, 0.05
_ERROR_CHARS = 500
_TASKS_OF_OTHERS = 64
"""How many more processes the user may start meanwhile where the kernel counts all of the user's."""


@dataclass
class ExecBox:
    """How the executions of one zygote are confined.

    ``rules`` are Landlock's, without the scratch folder; None: no Landlock. With ``mounts`` each execution has
    namespaces of its own. ``uid`` is whom programs run as, None for the present user; ``own_user`` says that the
    kernel's count of that user's processes is the box's own, ``own_pids`` that nothing else is in its pid namespace.
    ``kit``: there is a safe place for shared files. ``own_scratch``: there is a scratch folder for all executions,
    else each has one made in memory. ``proc`` is a descriptor of a procfs that knows the processes, where their memory
    is bounded as a whole.
    """

    rules: list[tuple[str, landlock.Access]] | None
    mounts: bool
    uid: int | None
    own_user: bool
    own_pids: bool
    kit: bool
    filter: bytes | None
    zygote: int
    cancel: int
    own_scratch: bool
    proc: int | None = None


def main(box: ExecBox, job: dict[str, Any], fds: list[int], page: mmap.mmap, report: mmap.mmap) -> NoReturn:
    """Run ``job`` to its end and leave the report in ``report``; never return."""
    execution = _Execution(box, job, fds, page)
    try:
        found = _attempt(execution)
        data = json.dumps(found).encode()
        report[: _REPORT.size + len(data)] = _REPORT.pack(len(data)) + data
    finally:
        os._exit(0)  # never back into the zygote's own code


def _attempt(execution: _Execution) -> dict[str, Any]:
    try:
        return execution.run()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is no verdict)
        return {"setup_error": f"{type(error).__name__}: {error}"[:_ERROR_CHARS]}
    finally:
        execution.end()


def read_report(report: mmap.mmap) -> dict[str, Any] | None:
    """Return what ``main`` left; None if it did not get there."""
    (length,) = _REPORT.unpack_from(report)
    return json.loads(report[_REPORT.size : _REPORT.size + length]) if length else None


class _Execution:
    def __init__(self, box: ExecBox, job: dict[str, Any], fds: list[int], page: mmap.mmap) -> None:
        self.box, self.job, self.fds, self.page = box, job, fds, page
        self.scratch: str | None = None
        self.census = Census(None)
        self.status: int | None = None
        self.program = 0
        self.peak = 0
        """The most bytes that all processes were seen to have resident at the same time."""

    def run(self) -> dict[str, Any]:
        box = self.box
        folder = self.prepare()
        for fd in self.fds[FIRST_BUNDLE:]:
            bundle.unpack(fd, folder, box.uid)
        start = self.start(folder)
        began = time.monotonic()
        self.program = os.fork()
        if self.program == 0:
            exec_child.main(start, self.fds[:MADE], self.page, os.getppid())
        killed = self.watch(began)
        wall = time.monotonic() - began
        self.end_processes()
        confined, spent, failure = exec_child.told(self.page)
        if not confined:
            return {"setup_error": failure or "the process ended before it was confined"}
        collected, left_out = self.collect(folder, killed)
        return {
            "exit": self.status,
            "killed": killed,
            "cpu_s": max(0.0, self.census.total_s() - spent),
            "wall_s": wall,
            "peak_mb": max(self.peak, reaped_peak()) / (1 << 20),
            "exec_error": failure,
            "collected": collected,
            "left_out": left_out,
            "setup_error": None,
        }

    def prepare(self) -> str:
        """Make the box of this execution and return its scratch folder."""
        box = self.box
        if box.mounts:
            kernel.die_with_parent(0)
            processes = exec_namespaces.enter_execution(self.job["scratch"], shows_processes=self.job["proc"])
            self.scratch = SCRATCH
        else:
            kernel.adopt_orphans()
            processes = os.open(PROC, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self.scratch = SCRATCH if box.own_scratch else scratch.make(os.getppid(), box.uid)
        self.census = Census(processes)
        kernel.undumpable()
        return self.scratch

    def start(self, folder: str) -> exec_child.Start:
        job, box = self.job, self.box

        def filled(text: str) -> str:
            return text.replace("{scratch}", folder).replace("{kit}", KIT)

        processes = job["processes"]
        if not box.own_user:
            processes += _tasks_of(os.getuid()) + _TASKS_OF_OTHERS
        elif box.uid is None:
            processes += 2  # the zygote and this process are the same user
        return exec_child.Start(
            argv=[filled(part) for part in job["argv"]],
            environment={name: filled(value) for name, value in job["environment"].items()},
            folder=folder,
            cpu_s=math.ceil(job["cpu_s"]) + 1,
            memory=job["memory"],
            output=job["output"],
            processes=processes,
            uid=box.uid,
            ruleset=self.ruleset(folder),
            filter=box.filter,
            proc=box.proc,
            probe=job["probe"],
        )

    def ruleset(self, folder: str) -> int | None:
        if self.box.rules is None or landlock.version() == 0:
            return None
        rules: list[tuple[str, landlock.Access]] = [*self.box.rules, (folder, "all")]
        if self.box.own_pids and not self.box.mounts and self.job["proc"]:
            rules.append((PROC, "run"))
        return landlock.make_ruleset(rules)

    def watch(self, began: float) -> str | None:
        """Wait for the program; say why it must end before that, None if it ended by itself."""
        exited = os.pidfd_open(self.program)
        poll = select.poll()
        for fd in (exited, self.box.cancel, self.box.zygote):
            poll.register(fd, select.POLLIN)
        pause = _FIRST_LOOK_S
        while True:
            left = self.job["wall_s"] - (time.monotonic() - began)
            ready = {fd for fd, _ in poll.poll(max(1, math.ceil(min(pause, left) * 1000)))}
            if exited in ready:
                return None
            if ready:
                return wire.KILLED_CANCELLED
            if reason := self.excess(self.census.take()):
                return reason
            if left <= 0:
                return wire.KILLED_WALL
            pause = _LOOK_EVERY_S

    def excess(self, usage: Usage) -> str | None:
        """Say which limit is exceeded."""
        job = self.job
        self.peak = max(self.peak, usage.resident)
        if max(usage.cpu_s, cpu_s_of(self.program)) >= job["cpu_s"]:
            return wire.KILLED_CPU
        if usage.resident > job["resident"]:
            return wire.KILLED_MEMORY
        if not self.box.own_user and usage.tasks > job["processes"]:
            return wire.KILLED_TASKS
        if not self.box.mounts and self.scratch and scratch.is_too_full(self.scratch, job["scratch"]):
            return wire.KILLED_SCRATCH
        return None

    def collect(self, folder: str, killed: str | None) -> tuple[int, int]:
        """Pack what is to be handed back; return how many files that is, and how many entries were left out."""
        job = self.job
        ended_well = killed is None and self.status == 0
        if job["collect"] is None or not (ended_well or job["collect_anyway"]):
            return 0, 0
        return bundle.pack(folder, job["collect"], self.fds[MADE], job["collect_bytes"])

    def end(self) -> None:
        """End every process and remove what the mounts do not."""
        self.end_processes()
        if self.box.mounts or not self.scratch:
            return
        if self.box.own_scratch:
            scratch.empty(self.scratch)
        else:
            scratch.remove(self.scratch)

    def end_processes(self) -> None:
        """Kill all descendants, whatever they are doing, and wait for them until none is left."""
        while self.kill() and self.reap():
            pass

    def kill(self) -> bool:
        """Send every descendant SIGKILL; false if there is none."""
        if not self.program:
            return False
        if self.box.own_pids:
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # all of this pid namespace but its pid 1 and this process
        else:
            descendants.kill(self.census, self.box.uid)
        return True

    def reap(self) -> bool:
        """Wait for those that have ended, or in a pid namespace for all; false if there are no children left."""
        flags = 0 if self.box.own_pids else os.WNOHANG
        try:
            while True:
                pid, status = os.waitpid(-1, flags)
                if pid == 0:
                    time.sleep(0.001)
                    return True
                if pid == self.program:
                    self.status = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            return False


def _tasks_of(uid: int) -> int:
    """Count a user's threads on this machine."""
    count = 0
    for entry in os.scandir("/proc"):
        with suppress(OSError):
            if entry.name.isdecimal() and entry.stat().st_uid == uid:
                count += len(os.listdir(f"/proc/{entry.name}/task"))
    return count
