"""The canary's inside: what a confined process may and must not do, tried by the process itself."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from functools import partial

from atlas.sandbox.box import kernel


def run(told: dict[str, str]) -> None:
    """Write to standard output what was refused, then execute a shell that adds a line to it.

    ``told``: ``file``, a path that the judge can read, and ``judge``, its process id, empty if the box has a pid
    namespace of its own.
    """
    refused = {
        "file": _denied(lambda: os.open(told["file"], os.O_RDONLY)),
        "write": _denied(lambda: os.open("/usr/canary", os.O_WRONLY | os.O_CREAT)),
        "network": _denied(lambda: socket.socket(socket.AF_INET)),
        "unix sockets": _denied(lambda: socket.socket(socket.AF_UNIX)),
        "signal": _signals_nobody(told["judge"]),
        "namespaces": _denied(lambda: kernel.unshare(kernel.CLONE_NEWUSER)),
        "privileges": _denied(lambda: os.setuid(0)) or os.getuid() != 0,
        "scratch": not _denied(lambda: os.close(os.open("canary", os.O_WRONLY | os.O_CREAT))),
        "child": _child() == 7,
    }
    os.write(1, json.dumps(refused).encode() + b"\n")
    os.execve("/bin/sh", ["sh", "-c", "echo canary"], {})


def _signals_nobody(judge: str) -> bool:
    """Try the judge, the parent and pid 1, be that the box's own or the system's."""
    others = {os.getppid(), 1, *map(int, filter(None, [judge]))}
    return all(_denied(partial(os.kill, pid, 0)) or (pid == 1 and not judge and _outlived()) for pid in others)


def _outlived() -> bool:
    """Send every signal to pid 1 of a namespace: from inside the kernel drops all that have no handler.

    One that got through would end or stop the box, and this process with it.
    """
    for number in signal.valid_signals():
        os.kill(1, number)
    return True


def _denied(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _child() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
