"""A process that may be another one by the time it is looked at again: told apart by when it began.

Process ids are used again. One is signalled through a descriptor that was opened before its start was compared
(``pidfd_open``, Linux 5.3), so that never another program is hit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"
_LINUX = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Process:
    """A process id and when its process began, as an opaque text."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this id now; None where there is none, or only a dead one's entry."""
        began = _began(pid)
        return None if began is None else cls(pid, began)

    @property
    def alive(self) -> bool:
        """Whether it is still there; one that is dead and not yet waited for is not."""
        return _began(self.pid) == self.began

    @property
    def memory_bytes(self) -> int | None:
        """Its resident memory, the mapped pages of a model file included."""
        try:
            if _LINUX:
                pages = int((_PROC / str(self.pid) / "statm").read_text().split()[1])
                return pages * os.sysconf("SC_PAGE_SIZE") if self.alive else None
            return int(_ps(self.pid, "rss")) << 10
        except (OSError, ValueError, IndexError):
            return None

    @property
    def cpu_s(self) -> float | None:
        """Seconds of processor time that it has used; None where it is gone, or the system does not tell so."""
        try:
            fields = _fields(self.pid)
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if self.alive else None
        except (OSError, IndexError):
            return None

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Signal it, or the whole process group that it leads; nothing where it is gone."""
        with suppress(ProcessLookupError):
            handle = _handle(self.pid)
            try:
                if not self.alive:
                    return
                if group:
                    # An id stays taken while a group bears it, and the leader lived a moment ago.
                    os.killpg(self.pid, number)
                elif handle is not None:
                    signal.pidfd_send_signal(handle, number)
                else:
                    os.kill(self.pid, number)
            finally:
                if handle is not None:
                    os.close(handle)

    def gone_within(self, seconds: float) -> bool:
        """Wait for its end; whether it came in time."""
        until = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


def _handle(pid: int) -> int | None:
    """A descriptor of the process; None where the system has none, or a sandbox around us forbids it."""
    try:
        return os.pidfd_open(pid) if _LINUX else None
    except ProcessLookupError:
        raise
    except OSError:
        return None


def _began(pid: int) -> str | None:
    if not _LINUX:
        return _ps(pid, "lstart") or None
    try:
        fields = _fields(pid)  # the 20th is the start, in ticks since the machine's
        return None if fields[0] in "ZX" else f"{_BOOT.read_text().strip()}:{fields[19]}"
    except (OSError, IndexError):
        return None


def _fields(pid: int) -> list[str]:
    """Of ``/proc/PID/stat``, from the state on; the name before it, in brackets, may hold anything."""
    return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _ps(pid: int, field: str) -> str:
    asked = ["ps", "-o", f"{field}=", "-p", str(pid)]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
