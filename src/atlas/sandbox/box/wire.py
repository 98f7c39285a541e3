"""Messages between judge, nursery and zygotes: one dictionary a packet, with descriptors, over SOCK_SEQPACKET.

They are in the interpreter's own form (``marshal``): both ends are one installation's and nothing that a program wrote
is in them, and a zygote copies each page of memory that it touches for every execution, of which JSON takes many.
"""

from __future__ import annotations

import marshal
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

MAX_MESSAGE = 1 << 16
_ANCILLARY = socket.CMSG_SPACE(8 * 4)

# Descriptors of a program's process. Behind them a job may have two that its process does not get: bundles of the files
# that the scratch folder begins with and, empty, of those that are left there.
STDIN, STDOUT, STDERR, REQUEST, RESULT, CHANNEL = range(6)

STAGE = struct.Struct("<qqq")
"""At the head of the page that a zygote shares with a process: the input begun last (0: loading, -1: not yet), and the
process's CPU and wall clock at that time, in ns.
"""

# How a zygote ended an execution before its time.
KILLED_CPU, KILLED_WALL, KILLED_TASKS, KILLED_CANCELLED = "cpu", "wall", "tasks", "cancelled"
KILLED_MEMORY, KILLED_SCRATCH = "memory", "scratch"


def send(sock: socket.socket, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone.
    """
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))
    sock.sendmsg([marshal.dumps(message)], [rights] if fds else [])


def receive(sock: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Receive one message and its descriptors; None when the other side is gone."""
    data, ancillary, _, _ = sock.recvmsg(MAX_MESSAGE, _ANCILLARY)
    fds = [fd for _, _, packed in ancillary for (fd,) in struct.iter_unpack("i", packed)]
    return (decode(data) if data else None), fds


def decode(data: bytes) -> dict[str, Any]:
    """Return the message in a packet."""
    return marshal.loads(data)


def serve(sock: socket.socket, landlock: int, answer: Callable[[dict[str, Any], list[int]], dict[str, Any]]) -> None:
    """Answer the judge's messages until it closes ``sock``; ``landlock`` is the version that the kernel has."""
    send(sock, {"ready": True, "landlock": landlock})
    while True:
        message, fds = receive(sock)
        if message is None:
            return
        if "cancel" not in message:  # that is of an execution that had ended
            send(sock, answer(message, fds))
