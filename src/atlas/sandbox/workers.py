"""The judge's handles on the nursery and its zygotes."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
from collections.abc import Sequence
from typing import Any

from atlas.errors import SandboxError
from atlas.sandbox.box import bootstrap, wire
from atlas.sandbox.profile import STANDARD, Profile

_START_S = 60.0
"""A fresh interpreter with its modules takes 0.2 s; this is for a machine in trouble."""
_GRACE_S = 20.0


class WorkerLost(Exception):
    """A zygote ended, or stopped answering, in the middle of a job."""


class SetupFailed(SandboxError):
    """A box could not be set up. Where its tier has worked before, the next attempt may succeed."""


class _Inbox:
    """What comes in on a socket, a message at a time.

    One reader stays for as long as the socket is open: asyncio's ``sock_recv`` would add and remove one, and try in
    vain first, for each message, and there is one an execution.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()
        self._early: bytes | None = None
        self._awaited: asyncio.Future[bytes] | None = None
        self._loop.add_reader(sock.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = self.sock.recv(wire.MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self.sock.fileno())
        if self._awaited is None or self._awaited.done():
            self._early = data
        else:
            self._awaited.set_result(data)

    async def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            WorkerLost: the other side is gone, or ``timeout_s`` seconds have passed.
        """
        data, self._early = self._early, None
        if data is None:
            self._awaited = self._loop.create_future()
            late = self._loop.call_later(timeout_s, _too_late, self._awaited)
            try:
                data = await self._awaited
            finally:
                late.cancel()
        if not data:
            raise WorkerLost("the process ended")
        return wire.decode(data)

    def close(self) -> None:
        """Close the socket."""
        if self.sock.fileno() >= 0:
            self._loop.remove_reader(self.sock.fileno())
            self.sock.close()


def _too_late(awaited: asyncio.Future[bytes]) -> None:
    if not awaited.done():
        awaited.set_exception(WorkerLost("no answer in time"))


class Nursery:
    """The process that starts zygotes; started before the judge restricts itself."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, stderr: int) -> None:
        self._process = process
        self._inbox = _Inbox(control)
        self._stderr = stderr
        self._ids = itertools.count()
        self.cgroup: str | None = None
        """The folder of cgroup v2 in which each box's memory is bounded as a whole; None without."""
        self.without_cgroup = ""
        """Why there is none."""

    @classmethod
    async def start(cls, profile: Profile = STANDARD) -> Nursery:
        """Start it and wait until it is ready.

        Raises:
            SandboxError: it could not be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        stderr = os.memfd_create("nursery-stderr", os.MFD_CLOEXEC)
        with theirs:
            process = bootstrap.start(theirs.fileno(), stderr, os.getpid(), profile)
        nursery = cls(process, ours, stderr)
        try:
            ready = await nursery._inbox.receive(_START_S)
        except WorkerLost as error:
            last = nursery.last_words()
            await nursery.aclose()
            raise SandboxError(f"The sandbox's nursery did not start: {last or error}.") from error
        except BaseException:
            await nursery.aclose()
            raise
        nursery.cgroup, nursery.without_cgroup = ready["cgroup"], ready["without_cgroup"]
        return nursery

    def last_words(self) -> str:
        """Return the last line of the nursery's standard error."""
        size = os.fstat(self._stderr).st_size
        text = os.pread(self._stderr, 4096, max(0, size - 4096)).decode("utf-8", "replace").strip()
        return text.rpartition("\n")[2]

    async def spawn(self, tier: str, *, shown: Sequence[str] | None = None) -> Zygote:
        """Start a zygote whose box is of ``tier``; with ``shown``, one for executables whose box shows those paths.

        Raises:
            SetupFailed: the tier cannot be set up here (the reason is in the message).
            SandboxError: the nursery is gone.
            WorkerLost: the zygote ended before it was ready; the next need not.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        zygote = Zygote(ours, self, next(self._ids))
        try:
            with theirs:
                order: dict[str, Any] = {"do": "spawn", "id": zygote.id, "tier": tier}
                if shown is not None:
                    order["shown"] = list(shown)
                wire.send(self._inbox.sock, order, [theirs.fileno()])
            ready = await zygote.inbox.receive(_START_S)
        except WorkerLost as error:
            zygote.close()
            raise WorkerLost(self.last_words() or str(error)) from error
        except OSError as error:
            zygote.close()
            raise SandboxError(f"no worker could be started: {self.last_words() or error}") from error
        except BaseException:
            zygote.close()
            raise
        if "error" in ready:
            zygote.close()
            raise SetupFailed(ready["error"])
        zygote.landlock = ready["landlock"]
        return zygote

    def kill(self, zygote: int) -> None:
        """Have a zygote killed; signals of our own may be beyond what we still may do."""
        try:
            wire.send(self._inbox.sock, {"do": "kill", "id": zygote})
        except OSError:
            return  # the nursery is gone, and all its zygotes with it

    async def aclose(self) -> None:
        """End the nursery and all it started, and wait until it is gone."""
        self._inbox.close()
        try:
            await asyncio.to_thread(self._process.wait, _GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._stderr)


class Zygote:
    """One warm interpreter in its box; runs one job at a time."""

    def __init__(self, sock: socket.socket, nursery: Nursery, number: int) -> None:
        self.inbox = _Inbox(sock)
        self._nursery = nursery
        self.id = number
        self.landlock = 0

    def begin(self, message: dict[str, Any], fds: list[int]) -> None:
        """Have one process run; ``end`` must be awaited next.

        Raises:
            WorkerLost: the zygote has ended; it has been given up.
        """
        try:
            wire.send(self.inbox.sock, message, fds)
        except OSError as error:
            self.close()
            raise WorkerLost(str(error)) from error

    async def end(self, timeout_s: float) -> dict[str, Any]:
        """Return the zygote's report on the process begun.

        Raises:
            WorkerLost: the zygote ended or hangs; it has been given up.
        """
        try:
            return await self.inbox.receive(timeout_s + _GRACE_S)
        except WorkerLost:
            self.close()
            raise

    def cancel(self) -> None:
        """Have the running process killed; ``end`` then returns as ever."""
        try:
            wire.send(self.inbox.sock, {"cancel": True})
        except OSError:
            return  # lost, as end is about to find out

    def close(self) -> None:
        """Give the zygote up."""
        self.inbox.close()
        self._nursery.kill(self.id)
