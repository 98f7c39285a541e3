"""What goes into the sandbox and what comes out. Expected outputs are no part of either."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from atlas.problem import Value


@dataclass(frozen=True, slots=True)
class Program:
    """Source. With ``entry`` set its function of that name is called; without, it is run as a script.

    ``language`` is ``"python"`` or one of ``languages.LANGUAGES``, whose programs have no ``entry``: to ask for calls
    of their functions is a ValueError.
    """

    code: str
    entry: str | None = None
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one execution. CPU time is the limit that decides; wall time is only a generous backstop.

    ``load_cpu_s`` bounds compiling and importing a function's program, apart from its inputs; None: as ``cpu_s``.
    """

    cpu_s: float = 2.0
    load_cpu_s: float | None = None
    wall_s: float = 30.0
    memory_mb: int = 512
    output_bytes: int = 1 << 20
    processes: int = 16

    def __post_init__(self) -> None:
        """Refuse what bounds nothing, or leaves nothing.

        Raises:
            ValueError: a time that is not finite, or not above zero; a number below one (output: below zero).
        """
        times = (self.cpu_s, self.wall_s, self.cpu_s if self.load_cpu_s is None else self.load_cpu_s)
        if not all(math.isfinite(seconds) and seconds > 0 for seconds in times):
            raise ValueError("limits of time are seconds above zero, and not without end")
        if self.memory_mb < 1 or self.processes < 1 or self.output_bytes < 0:
            raise ValueError("limits of memory and processes are one or more, that of output not below zero")


class Status(StrEnum):
    """How one execution ended."""

    OK = "ok"
    EXCEPTION = "exception"
    """Raised while running on the input (``SystemExit`` with a non-zero code included)."""
    NO_LOAD = "no_load"
    """Does not compile, raises on import, or does not define the entry function."""
    CPU_LIMIT = "cpu_limit"
    WALL_LIMIT = "wall_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    CRASHED = "crashed"
    """Died of a signal, left without reporting a result (``os._exit``), or reported something malformed."""
    BAD_VALUE = "bad_value"
    """Returned something that is not plain data."""
    INFRASTRUCTURE = "infrastructure"
    """The sandbox failed, not the program: never a verdict."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One execution of a program on one input.

    ``value`` is the return value for a function call (exact types), None for a script.
    ``error`` is ``"TypeName: message"``, cut to 500 characters; ``line`` the program's own line that raised.
    ``peak_mb`` is the largest resident memory of the process, over all inputs that shared it; the warm interpreter
    that it began as is part of it. In another language it is that of the largest process, or of all at the same time
    where that was seen to be more.
    ``files`` are those that it left in its scratch folder, by path, where they were asked for; ``left_out`` counts what
    was there beside them and is not handed back.
    """

    status: Status
    value: Value = None
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    line: int | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    left_out: int = 0
