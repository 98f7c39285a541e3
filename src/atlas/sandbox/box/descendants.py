"""Ending every process that an execution started, where no pid namespace of its own does it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from atlas.sandbox.box.procfs import Census


def kill(census: Census, user: int | None) -> None:
    """Kill all descendants; ``user`` is whom they run as if that user exists for this box only."""
    if user is not None:
        _kill_user(user)
        return
    # A stopped process makes no child, and their number is bounded: in the end all are stopped.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in census.take().pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _kill_user(user: int) -> None:
    """Kill every process of a user; one call reaches them all at the same moment."""
    helper = os.fork()
    if helper == 0:
        try:
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(helper, 0)


def end(census: Census, user: int | None) -> None:
    """Kill all descendants of this process, which adopts orphans, and wait for them until none is left."""
    while _has_children():
        kill(census, user)
        time.sleep(0.001)


def _has_children() -> bool:
    """Wait for the children that have ended; say whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
