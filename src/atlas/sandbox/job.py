"""One process's worth of work: the files it is given, and what is believed of what it left behind."""

from __future__ import annotations

import itertools
import marshal
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

from atlas.compare import codec
from atlas.problem import Call, Input, Stdin
from atlas.sandbox.box import wire
from atlas.sandbox.memory_files import MemoryFiles
from atlas.sandbox.scratch import Scratch, changed
from atlas.sandbox.types import Limits, Observation, Program, Status

_RECORD_BYTES = 4096
"""What a record may take beside its value, and a program's output beside what is allowed."""
_ERROR_CHARS = 500

KILLED = {
    wire.KILLED_CPU: (Status.CPU_LIMIT, ""),
    wire.KILLED_WALL: (Status.WALL_LIMIT, ""),
    wire.KILLED_MEMORY: (Status.MEMORY_LIMIT, "more memory than allowed"),
    wire.KILLED_TASKS: (Status.CRASHED, "too many processes or threads"),
    wire.KILLED_SCRATCH: (Status.CRASHED, "too much in files"),
    wire.KILLED_CANCELLED: (Status.CRASHED, "cancelled"),
}
"""What is observed of an execution that the box ended."""

_REPORTED = {
    status.value: status
    for status in (Status.OK, Status.EXCEPTION, Status.NO_LOAD, Status.MEMORY_LIMIT, Status.BAD_VALUE)
}


@dataclass(frozen=True, slots=True)
class Job:
    """``program`` on ``inputs`` in one process; a script has exactly one, and so has what has a ``scratch``.

    ``role`` is the process's part.
    """

    program: Program
    inputs: tuple[Input, ...]
    limits: Limits
    role: str
    scratch: Scratch | None = None

    def message(self) -> dict[str, Any]:
        """Return what the zygote is told: limits alone, and whether files are wanted."""
        files = {} if self.scratch is None else {"keep_files": self.scratch.keep}
        return files | {
            # A script, and a check, is compiled, imports and runs in one stage: there is no later one to begin.
            "inputs": len(self.inputs) if self._loads_first() else 0,
            "cpu_s": self.limits.cpu_s,
            "load_cpu_s": (self.limits.load_cpu_s if self._loads_first() else None) or self.limits.cpu_s,
            "wall_s": self.limits.wall_s,
            "memory": self.limits.memory_mb << 20,
            "output": self.output_bytes(),
            "processes": self.limits.processes,
        }

    def _loads_first(self) -> bool:
        return self.role in {"calls", "serve"}

    def request(self) -> bytes:
        """Return what the program's process reads.

        Raises:
            CodecError: an argument is no plain data.
        """
        calls = [codec.encode(list(i.args)) for i in self.inputs if isinstance(i, Call)]
        request = {"role": self.role, "code": self.program.code, "entry": self.program.entry, "inputs": calls}
        return marshal.dumps(request)

    def stdin(self) -> bytes:
        """Return the standard input; empty for calls."""
        first = self.inputs[0] if self.inputs else None
        return first.text.encode("utf-8", "surrogatepass") if isinstance(first, Stdin) else b""

    def output_bytes(self) -> int:
        """Return what the program may write to one file."""
        return (self.limits.output_bytes + _RECORD_BYTES) * max(1, len(self.inputs))

    def longest_s(self) -> float:
        """Return a bound on the wall time that the zygote itself enforces."""
        return self.limits.wall_s * (len(self.inputs) + 1)


class Check(NamedTuple):
    """A check, and the program that it calls from a box apart."""

    check: Job
    served: Job


class Files(MemoryFiles):
    """The files of one execution, in the order of ``wire.STDIN`` to ``wire.RESULT``, and those of a scratch folder."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(self._given())
        self._name()

    def renew(self) -> None:
        """Make the files again: of an execution that is to be repeated."""
        self.close()
        self.make(self._given())
        self._name()

    def _given(self) -> tuple[bytes, ...]:
        bundles = () if self.job.scratch is None else (self.job.scratch.bundle(), b"")
        return self.job.stdin(), b"", b"", self.job.request(), b"", *bundles

    def _name(self) -> None:
        _, self.stdout, self.stderr, _, self.result, *self.bundles = self.descriptors

    def read(self, fd: int, start: int, end: int) -> bytes:
        """Return bytes that the program wrote; never more than its limit."""
        size = min(end - start, self.job.output_bytes() + 1)
        return os.pread(fd, size, max(0, start)) if size > 0 else b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the zygote saw of a process: it is believed."""

    exit: int
    killed: str | None
    cpu_s: float
    wall_s: float
    peak_mb: float
    loading: bool
    """It ended before its first input, by its own account."""
    last_cpu_s: float
    """CPU time since it began its last input, by its own account and at most ``cpu_s``."""
    setup_error: str | None
    left_out: int = 0

    @classmethod
    def of(cls, reply: Mapping[str, Any]) -> Outcome:
        """Read a zygote's reply."""
        return cls(**reply)


@dataclass(frozen=True, slots=True)
class _Record:
    """One line of the result file, by the program's own account: types checked, nothing else believed."""

    status: Status
    value: Any
    error: str
    line: int | None
    loading: bool
    stdout: tuple[int, int]
    stderr: tuple[int, int]
    cpu_s: float
    wall_s: float


class _MalformedError(ValueError):
    """The result file is not what the recorder writes."""


def observe(files: Files, outcome: Outcome) -> tuple[Observation, ...]:
    """Say what was observed, for the first input and as many more as the process got through."""
    seen = _observed(files, outcome)
    scratch = files.job.scratch
    if scratch is None or not scratch.keep:
        return seen
    left = changed(files.contents(files.bundles[1]), scratch.files)
    return tuple(replace(observation, files=left, left_out=outcome.left_out) for observation in seen)


def _observed(files: Files, outcome: Outcome) -> tuple[Observation, ...]:
    job = files.job
    try:
        records, too_long = _records(files)
    except (_MalformedError, codec.CodecError) as error:
        return (_whole(Status.CRASHED, outcome, f"malformed result: {error}"),) * len(job.inputs)
    seen = tuple(_from_record(files, record, outcome) for record in records)
    if records and records[-1].loading:
        return seen[-1:] * len(job.inputs)
    if len(seen) == len(job.inputs):
        return seen
    last = _whole(Status.OUTPUT_LIMIT, outcome) if too_long else _from_end(files, records, outcome)
    if outcome.loading and not seen:
        return (last,) * len(job.inputs)
    return (*seen, last)


def _records(files: Files) -> tuple[list[_Record], bool]:
    """Return the records up to the first that is longer than one input may make it, and whether there is one.

    A batch's file holds what all its inputs may write: parsed as one record it would cost the judge gigabytes.
    """
    job = files.job
    size = os.fstat(files.result).st_size
    # What is behind the last line end is a record cut short: the process died of it, and that is judged.
    *complete, _ = files.read(files.result, 0, size).split(b"\n", len(job.inputs) + 1)
    if len(complete) > len(job.inputs):
        raise _MalformedError("too many records")
    longest = job.limits.output_bytes + _RECORD_BYTES
    short = list(itertools.takewhile(lambda line: len(line) <= longest, complete))
    return [_record(line) for line in short], len(short) < len(complete)


def _record(line: bytes) -> _Record:
    data = codec.parse(line)
    try:
        status = _REPORTED[data["status"]]
        (out_start, out_end), (err_start, err_end) = data["spans"]
        record = _Record(
            status=status,
            value=codec.decode(data["value"]) if status is Status.OK else None,
            error=data.get("error", "")[:_ERROR_CHARS],
            line=data.get("line"),
            loading=data.get("loading", False),
            stdout=(out_start, out_end),
            stderr=(err_start, err_end),
            cpu_s=data["cpu_s"],
            wall_s=data["wall_s"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _MalformedError("not a record") from error
    _check_types(record)
    return record


def _check_types(record: _Record) -> None:
    offsets = (*record.stdout, *record.stderr)
    sound = (
        isinstance(cast(Any, record.error), str)
        and (record.line is None or (type(record.line) is int and 0 <= record.line < 1 << 31))
        and type(record.loading) is bool
        and all(type(offset) is int and 0 <= offset < 1 << 62 for offset in offsets)
        and type(record.cpu_s) is float
        and type(record.wall_s) is float
    )
    if not sound:
        raise _MalformedError("a field of the wrong type")


def _from_record(files: Files, record: _Record, outcome: Outcome) -> Observation:
    limits = files.job.limits
    alone = len(files.job.inputs) == 1
    cpu_s = outcome.last_cpu_s if alone else min(max(record.cpu_s, 0.0), outcome.cpu_s)
    longest = max(b - a for a, b in (record.stdout, record.stderr))
    status, value = record.status, record.value
    if longest > limits.output_bytes:
        status, value = Status.OUTPUT_LIMIT, None
    if cpu_s >= limits.cpu_s:
        status, value = Status.CPU_LIMIT, None
    return Observation(
        status=status,
        value=value,
        stdout=_text(files, files.stdout, *record.stdout),
        stderr=_text(files, files.stderr, *record.stderr),
        # Half characters fit into no request.
        error=record.error.encode("utf-8", "backslashreplace").decode() if record.error else "",
        line=record.line,
        cpu_s=outcome.cpu_s if alone else cpu_s,
        wall_s=outcome.wall_s if alone else min(max(record.wall_s, 0.0), outcome.wall_s),
        peak_mb=outcome.peak_mb,
    )


def _from_end(files: Files, records: list[_Record], outcome: Outcome) -> Observation:
    """Observe the input during which the process ended without a record of it."""
    out, err = (records[-1].stdout[1], records[-1].stderr[1]) if records else (0, 0)
    status, error = _end(outcome)
    end = 1 << 62
    return Observation(
        status=status,
        stdout=_text(files, files.stdout, out, end),
        stderr=_text(files, files.stderr, err, end),
        error=error,
        cpu_s=outcome.cpu_s if outcome.loading else outcome.last_cpu_s,
        wall_s=outcome.wall_s,
        peak_mb=outcome.peak_mb,
    )


def _end(outcome: Outcome) -> tuple[Status, str]:
    if outcome.killed is not None:
        return KILLED[outcome.killed]
    if outcome.exit == -signal.SIGXCPU:
        return Status.CPU_LIMIT, ""
    if outcome.exit == -signal.SIGXFSZ:
        return Status.OUTPUT_LIMIT, ""
    if outcome.exit < 0:
        return Status.CRASHED, f"killed by {signal_name(-outcome.exit)}"
    return Status.CRASHED, f"exited with status {outcome.exit} without a result"


def signal_name(number: int) -> str:
    """Return what to call a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name of their own
        return f"signal {number}"


def _whole(status: Status, outcome: Outcome, error: str = "") -> Observation:
    """Observe a process whose own account of its inputs is of no use."""
    return Observation(status, error=error, cpu_s=outcome.cpu_s, wall_s=outcome.wall_s)


def _text(files: Files, fd: int, start: int, end: int) -> str:
    end = min(end, start + files.job.limits.output_bytes)
    return files.read(fd, start, end).decode("utf-8", "replace")
