"""The canary's inside: what a confined process may and must not do, tried by the process itself."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable

from atlas.sandbox.box import kernel


def run(told: dict[str, str]) -> None:
    """Write to standard output what was refused, then execute a shell that adds a line to it.

    ``told``: ``file``, a path that the judge can read, and ``judge``, its process id.
    """
    refused = {
        "file": _denied(lambda: os.open(told["file"], os.O_RDONLY)),
        "write": _denied(lambda: os.open("/usr/canary", os.O_WRONLY | os.O_CREAT)),
        "network": _denied(lambda: socket.socket(socket.AF_INET)),
        "unix sockets": _denied(lambda: socket.socket(socket.AF_UNIX)),
        "signal": _denied(lambda: os.kill(int(told["judge"]), 0)),
        "namespaces": _denied(lambda: kernel.unshare(kernel.CLONE_NEWUSER)),
        "privileges": _denied(lambda: os.setuid(0)) or os.getuid() != 0,
        "scratch": not _denied(lambda: os.close(os.open("canary", os.O_WRONLY | os.O_CREAT))),
        "child": _child() == 7,
    }
    os.write(1, json.dumps(refused).encode() + b"\n")
    os.execve("/bin/sh", ["sh", "-c", "echo canary"], {})


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
