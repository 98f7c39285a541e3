"""The process that becomes a program: it confines itself for good, then executes it."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import struct
import time
from dataclasses import dataclass
from typing import NoReturn

from atlas.sandbox.box import cgroup, exec_probe, kernel, landlock, seccomp

_TOLD = struct.Struct("<?d")
"""What the shared page begins with: that the process has confined itself, and the CPU seconds which that took."""
_TEXT = _TOLD.size
"""Where the reason stands if it could not, or could not execute."""

_OPEN_FILES = 256
_STACK = 64 << 20
"""C++ and C give every thread as much address space as this."""


@dataclass(frozen=True)
class Start:
    """What to execute and how to confine it.

    ``memory`` is the bound on address space in bytes, None without; ``output`` the most bytes of a file; ``cpu_s``
    whole seconds for one process (a backstop).
    """

    argv: list[str]
    environment: dict[str, str]
    folder: str
    cpu_s: int
    memory: int | None
    output: int
    processes: int | None
    uid: int | None
    ruleset: int | None
    filter: bytes | None
    proc: int | None
    """A procfs that knows this process, where memory is bounded for the box as a whole."""
    probe: dict[str, str] | None
    """Instead of ``argv``: what the canary is told."""


def main(start: Start, fds: list[int], page: mmap.mmap, parent: int) -> NoReturn:
    """Confine this process, execute what ``start`` says with the descriptors 0 to 2 ``fds``; never return."""
    try:
        _confine(start, fds, parent)
        _TOLD.pack_into(page, 0, True, time.process_time())
        if start.probe is not None:
            exec_probe.run(start.probe)
        os.execve(start.argv[0], start.argv, start.environment)
    except OSError as error:
        text = (error.strerror or str(error)).encode()[: mmap.PAGESIZE - _TEXT]
        page[_TEXT : _TEXT + len(text)] = text
    finally:
        os._exit(127)


def told(page: mmap.mmap) -> tuple[bool, float, str]:
    """Return whether the process confined itself, the CPU seconds until then, and what kept it from executing."""
    return *_TOLD.unpack_from(page), bytes(page[_TEXT:]).rstrip(b"\0").decode(errors="replace")


def _confine(start: Start, fds: list[int], parent: int) -> None:
    os.setsid()  # else a signal to the process group would reach what watches it
    if start.proc is not None:
        kernel.dumpable()  # as what it executes will be
        cgroup.offer(start.proc)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    os.chdir(start.folder)
    os.umask(0o022)
    _limit(start)
    if start.uid is not None:
        os.setgroups([])
        os.setresgid(start.uid, start.uid, start.uid)
        os.setresuid(start.uid, start.uid, start.uid)
    kernel.drop_capabilities()
    kernel.die_with_parent(parent)
    kernel.no_new_privileges()
    if start.ruleset is not None:
        landlock.restrict_self(start.ruleset)
    kernel.close_from(3)
    # What the interpreter ignores would be ignored by the program as well.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if start.filter is not None:
        seccomp.Filter(start.filter).install()


def _limit(start: Start) -> None:
    def limit(which: int, value: int) -> None:
        resource.setrlimit(which, (value, value))

    limit(resource.RLIMIT_CPU, start.cpu_s)
    if start.memory is not None:
        limit(resource.RLIMIT_AS, start.memory)
    # One byte more than is allowed, so that a full file and one that wanted to be longer differ.
    limit(resource.RLIMIT_FSIZE, start.output + 1)
    limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_MEMLOCK, 0)
    if start.processes is not None:
        limit(resource.RLIMIT_NPROC, start.processes)
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (min(_STACK, hard) if hard >= 0 else _STACK, hard))
