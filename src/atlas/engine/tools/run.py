"""Run a program to its end, told what it writes as it writes it; it never outlives its caller's interest."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from atlas.errors import EngineError

Heard = Callable[[str], None]
"""Told all that was written so far on standard output and error, each time there is more."""

_MOST_TEXT = 1 << 20
"""Characters that are kept: the last ones."""
_GRACE_S = 5.0
_ERROR = re.compile(r"^[\d.]+ E |error|failed", re.IGNORECASE)
_STAMP = re.compile(r"^[\d.]+ [A-Z] ")
"""llama.cpp's time and level before a line."""


def run(command: Sequence[str], heard: Heard = lambda text: None, *, what: str, cwd: Path | None = None) -> str:
    """Run ``command``; what it wrote (the last million characters).

    Args:
        command: program and arguments.
        heard: told while it runs.
        what: the work in words, for the sentence about a failure.
        cwd: where it runs.

    Raises:
        EngineError: it cannot be started or fails; the sentence has its reason.
    """
    environment = os.environ | {"LC_ALL": "C", "OMP_WAIT_POLICY": "passive"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    except OSError as e:
        raise EngineError(f"{what} failed: {command[0]} cannot be started ({e.strerror}).") from None
    text = ""
    with process:
        assert process.stdout
        descriptor = process.stdout.fileno()
        try:
            # Progress of these tools comes without line ends.
            while data := os.read(descriptor, 1 << 16):
                text = (text + data.decode("utf-8", "replace"))[-_MOST_TEXT:]
                heard(text)
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise EngineError(f"{what} failed ({_ended(process.returncode)}): {_reason(text)}")
    return text


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        os.killpg(process.pid, signal.SIGKILL)


def _ended(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _reason(text: str) -> str:
    """The first line that tells of an error, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = next((line for line in lines if _ERROR.search(line)), lines[-1] if lines else "it said nothing.")
    return _STAMP.sub("", told)[:300]
