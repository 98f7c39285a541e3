"""The judge's handles on the nursery and its zygotes."""

from __future__ import annotations

import asyncio
import itertools
import json
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


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


async def _receive(sock: socket.socket, timeout_s: float) -> dict[str, Any]:
    # Once an execution: sock_recv would try at once, in vain, and asyncio.timeout costs as much again.
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(sock, _settle, readable, None)
    late = loop.call_later(timeout_s, _settle, readable, TimeoutError("time is up"))
    try:
        await readable
        data = sock.recv(wire.MAX_MESSAGE)
    except (OSError, TimeoutError) as error:
        raise WorkerLost(f"no answer: {error}") from error
    finally:
        late.cancel()
        loop.remove_reader(sock)
    if not data:
        raise WorkerLost("the process ended")
    return json.loads(data)


class Nursery:
    """The process that starts zygotes; started before the judge restricts itself."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, stderr: int) -> None:
        self._process = process
        self._control = control
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
            ready = await _receive(ours, _START_S)
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
                wire.send(self._control, order, [theirs.fileno()])
            ready = await _receive(ours, _START_S)
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
            wire.send(self._control, {"do": "kill", "id": zygote})
        except OSError:
            return  # the nursery is gone, and all its zygotes with it

    async def aclose(self) -> None:
        """End the nursery and all it started, and wait until it is gone."""
        self._control.close()
        try:
            await asyncio.to_thread(self._process.wait, _GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._stderr)


class Zygote:
    """One warm interpreter in its box; runs one job at a time."""

    def __init__(self, sock: socket.socket, nursery: Nursery, number: int) -> None:
        self._sock = sock
        self._nursery = nursery
        self.id = number
        self.landlock = 0

    def begin(self, message: dict[str, Any], fds: list[int]) -> None:
        """Have one process run; ``end`` must be awaited next.

        Raises:
            WorkerLost: the zygote has ended; it has been given up.
        """
        try:
            wire.send(self._sock, message, fds)
        except OSError as error:
            self.close()
            raise WorkerLost(str(error)) from error

    async def end(self, timeout_s: float) -> dict[str, Any]:
        """Return the zygote's report on the process begun.

        Raises:
            WorkerLost: the zygote ended or hangs; it has been given up.
        """
        try:
            return await _receive(self._sock, timeout_s + _GRACE_S)
        except WorkerLost:
            self.close()
            raise

    def cancel(self) -> None:
        """Have the running process killed; ``end`` then returns as ever."""
        try:
            wire.send(self._sock, {"cancel": True})
        except OSError:
            return  # lost, as end is about to find out

    def close(self) -> None:
        """Give the zygote up."""
        self._sock.close()
        self._nursery.kill(self.id)
