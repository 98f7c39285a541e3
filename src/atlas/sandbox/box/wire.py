"""Messages between judge, nursery and zygotes: one JSON object a packet, with descriptors, over
SOCK_SEQPACKET.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from typing import Any

MAX_MESSAGE = 1 << 16
_MAX_FDS = 8

# Descriptors of a program's process. Behind them a job may have two that its process does not get: bundles of the files
# that the scratch folder begins with and, empty, of those that are left there.
STDIN, STDOUT, STDERR, REQUEST, RESULT, CHANNEL = range(6)

# How a zygote ended an execution before its time.
KILLED_CPU, KILLED_WALL, KILLED_TASKS, KILLED_CANCELLED = "cpu", "wall", "tasks", "cancelled"
KILLED_MEMORY, KILLED_SCRATCH = "memory", "scratch"


def send(sock: socket.socket, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone.
    """
    socket.send_fds(sock, [json.dumps(message).encode()], list(fds))


def receive(sock: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Receive one message and its descriptors; None when the other side is gone."""
    data, fds, _, _ = socket.recv_fds(sock, MAX_MESSAGE, _MAX_FDS)
    return (json.loads(data) if data else None), fds


def serve(sock: socket.socket, landlock: int, answer: Callable[[dict[str, Any], list[int]], dict[str, Any]]) -> None:
    """Answer the judge's messages until it closes ``sock``; ``landlock`` is the version that the kernel has."""
    send(sock, {"ready": True, "landlock": landlock})
    while True:
        message, fds = receive(sock)
        if message is None:
            return
        if "cancel" not in message:  # that is of an execution that had ended
            send(sock, answer(message, fds))
