"""One execution of a compiler or of a program in a language other than Python: what it is given, what it left."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from atlas.sandbox.box import scratch
from atlas.sandbox.job import KILLED, signal_name
from atlas.sandbox.languages import NATIVE, Runtime
from atlas.sandbox.memory_files import MemoryFiles
from atlas.sandbox.scratch import changed
from atlas.sandbox.types import Limits, Observation, Status

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
    collect_bytes: int = 0
    """The most that is collected."""
    collect_anyway: bool = False
    """Collect however it ends."""
    before: Mapping[str, bytes] | None = None
    """If given, files that the scratch folder holds at the end, and did not like that before, are observed."""
    scratch: int = scratch.BYTES
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
        whole = self.before is not None
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
            "collect": "." if whole else self.collect,
            "collect_bytes": self.scratch if whole else self.collect_bytes,
            "collect_anyway": whole or self.collect_anyway,
            "probe": self.probe,
        }


class ExecFiles(MemoryFiles):
    """The files of one execution, in the order of ``exec_init.STDIN`` to ``FIRST_BUNDLE``."""

    def __init__(self, job: ExecJob) -> None:
        self.job = job
        super().__init__((job.stdin, b"", b"", b"", *job.bundles))

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
        return self.contents(self.descriptors[3])


@dataclass(frozen=True, slots=True)
class ExecOutcome:
    """What the box saw of an execution: it is believed. ``exit`` is negative for a signal.

    ``collected`` counts the files that are handed over, ``left_out`` what else there was.
    """

    exit: int
    killed: str | None
    cpu_s: float
    wall_s: float
    peak_mb: float
    exec_error: str
    collected: int
    left_out: int
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
    made = files.made() if outcome.collected else None
    before = files.job.before
    seen = Observation(
        status=status,
        stdout=out.decode("utf-8", "replace"),
        stderr=err.decode("utf-8", "replace"),
        error=error[:_ERROR_CHARS],
        cpu_s=outcome.cpu_s,
        wall_s=outcome.wall_s,
        peak_mb=outcome.peak_mb,
        files={} if before is None else changed(made or b"", before),
        left_out=0 if before is None else outcome.left_out,
    )
    return Execution(seen, outcome, made)


def _end(job: ExecJob, outcome: ExecOutcome, stderr: bytes) -> tuple[Status, str]:
    if outcome.killed is not None:
        return KILLED[outcome.killed]
    if outcome.exit == -signal.SIGXCPU or outcome.cpu_s >= job.limits.cpu_s:
        return Status.CPU_LIMIT, ""
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
