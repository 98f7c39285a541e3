"""One execution of a compiler or of a program in a language other than Python: what it is given, what it left."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from atlas.sandbox.box import wire
from atlas.sandbox.job import signal_name
from atlas.sandbox.languages import NATIVE, Runtime
from atlas.sandbox.types import Limits, Observation, Status

SCRATCH_BYTES = 64 << 20
COMPILE_SCRATCH_BYTES = 512 << 20
_STDERR_KEPT = 16 << 10
_ERROR_CHARS = 500


@dataclass(frozen=True, slots=True)
class ExecJob:
    """A command with the files in ``bundles`` around it; ``collect`` is the file or folder that it is to leave.

    ``own`` says that the executable is among those files: then that it cannot be executed is the program's doing.
    ``probe`` (the canary's) stands in for a command.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    bundles: tuple[bytes, ...]
    limits: Limits
    runtime: Runtime = NATIVE
    stdin: bytes = b""
    collect: str | None = None
    collect_anyway: bool = False
    """Collect whatever the exit status."""
    scratch: int = SCRATCH_BYTES
    probe: Mapping[str, str] | None = None
    first_errors: bool = False
    """Keep the beginning of standard error, as one reads a compiler's, rather than the end."""

    @property
    def own(self) -> bool:
        """Whether the program brings its executable with it."""
        return bool(self.argv) and self.argv[0].startswith("./")

    def message(self) -> dict[str, Any]:
        """Return what the zygote is told."""
        memory = self.limits.memory_mb << 20
        return {
            "argv": list(self.argv),
            "environment": dict(self.environment),
            "cpu_s": self.limits.cpu_s,
            "wall_s": self.limits.wall_s,
            "memory": memory if self.runtime.address_space else None,
            "resident": memory + (self.runtime.overhead_mb << 20),
            "output": self.limits.output_bytes,
            "processes": self.limits.processes + self.runtime.tasks,
            "proc": self.runtime.shows_processes,
            "scratch": self.scratch,
            "collect": self.collect,
            "collect_anyway": self.collect_anyway,
            "probe": self.probe,
        }


class ExecFiles:
    """The in-memory files of one execution, open until ``close``."""

    def __init__(self, job: ExecJob) -> None:
        self.job = job
        with ExitStack() as stack:
            self.descriptors = [
                _memory_file(stack, data) for data in (job.stdin, b"", b"", b"", *job.bundles)
            ]  # in the order of ``exec_init.STDIN`` to ``FIRST_BUNDLE``
            self._stack = stack.pop_all()

    def stdout(self) -> tuple[bytes, int]:
        """Return what was written to standard output, cut to its limit, and how much it was."""
        fd, most = self.descriptors[1], self.job.limits.output_bytes
        return os.pread(fd, most, 0), os.fstat(fd).st_size

    def stderr(self) -> tuple[bytes, int]:
        """Return what is kept of standard error and how much it was."""
        fd = self.descriptors[2]
        size = os.fstat(fd).st_size
        start = 0 if self.job.first_errors else max(0, size - _STDERR_KEPT)
        return os.pread(fd, _STDERR_KEPT, start), size

    def made(self) -> bytes:
        """Return the bundle that was collected."""
        fd = self.descriptors[3]
        return os.pread(fd, os.fstat(fd).st_size, 0)

    def close(self) -> None:
        """Close all; the memory goes with them."""
        self._stack.close()


def _memory_file(stack: ExitStack, data: bytes) -> int:
    fd = os.memfd_create("exec", os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


@dataclass(frozen=True, slots=True)
class ExecOutcome:
    """What the box saw of an execution: it is believed. ``exit`` is negative for a signal."""

    exit: int
    killed: str | None
    cpu_s: float
    wall_s: float
    exec_error: str
    collected: bool
    setup_error: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """An observed execution; ``made`` is the bundle it left, None if there is none."""

    seen: Observation
    outcome: ExecOutcome = field(repr=False)
    made: bytes | None = field(repr=False)


def observe(files: ExecFiles, outcome: ExecOutcome) -> Execution:
    """Say what was observed."""
    out, out_size = files.stdout()
    err, err_size = files.stderr()
    status, error = _end(files.job, outcome, err)
    if max(out_size, err_size) > files.job.limits.output_bytes and status not in {Status.CPU_LIMIT, Status.WALL_LIMIT}:
        status, error = Status.OUTPUT_LIMIT, ""
    seen = Observation(
        status=status,
        stdout=out.decode("utf-8", "replace"),
        stderr=err.decode("utf-8", "replace"),
        error=error[:_ERROR_CHARS],
        cpu_s=outcome.cpu_s,
        wall_s=outcome.wall_s,
    )
    return Execution(seen, outcome, files.made() if outcome.collected else None)


_KILLED = {
    wire.KILLED_CPU: (Status.CPU_LIMIT, ""),
    wire.KILLED_WALL: (Status.WALL_LIMIT, ""),
    wire.KILLED_MEMORY: (Status.MEMORY_LIMIT, "more memory than allowed"),
    wire.KILLED_TASKS: (Status.CRASHED, "too many processes"),
    wire.KILLED_SCRATCH: (Status.CRASHED, "too much in files"),
    wire.KILLED_CANCELLED: (Status.CRASHED, "cancelled"),
}


def _end(job: ExecJob, outcome: ExecOutcome, stderr: bytes) -> tuple[Status, str]:
    if outcome.killed is not None:
        return _KILLED[outcome.killed]
    if outcome.exit == -signal.SIGXCPU or outcome.cpu_s >= job.limits.cpu_s:
        return _KILLED[wire.KILLED_CPU]
    if outcome.exit == -signal.SIGXFSZ:
        return Status.OUTPUT_LIMIT, ""
    if outcome.exec_error:
        return Status.CRASHED, f"cannot be executed: {outcome.exec_error}"
    return (Status.OK, "") if outcome.exit == 0 else _failure(job, outcome, stderr)


def _failure(job: ExecJob, outcome: ExecOutcome, stderr: bytes) -> tuple[Status, str]:
    if any(phrase.encode() in stderr for phrase in job.runtime.out_of_memory):
        return Status.MEMORY_LIMIT, "out of memory"
    if outcome.exit < 0:
        return Status.CRASHED, f"killed by {signal_name(-outcome.exit)}"
    return Status.EXCEPTION, f"exit status {outcome.exit}"
