"""The nursery: a process outside every restriction of the judge's, which starts zygotes when asked.

The judge may put itself under Landlock, and a Landlocked process cannot mount; so what must set up a box
is started before. It loads the modules that programs use once, for all zygotes. It ends, with all it
started, when the judge ends.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
from collections.abc import Callable
from typing import Any

from atlas.sandbox.box import cgroup, kernel, layout, scratch, warm, wire, zygote


def main(control_fd: int, judge: int, packages: tuple[str, ...] = (), preload: tuple[str, ...] = ()) -> None:
    """Serve the judge with process id ``judge`` on the socket ``control_fd`` until either ends.

    ``packages`` are folders that programs import from beside the library, ``preload`` modules to have warm.
    """
    kernel.die_with_parent(judge)
    warm.up()
    shown = layout.discover(packages, preload)
    warm.keep()
    environment = dict(os.environ)
    if not preload:  # libraries read their settings from the environment when they are loaded
        os.environ.clear()
    _Nursery(socket.socket(fileno=control_fd), os.pidfd_open(judge), shown, environment).serve()


class _Nursery:
    def __init__(self, control: socket.socket, judge: int, shown: layout.Layout, environment: dict[str, str]) -> None:
        self.control = control
        self.judge = judge
        self.layout = shown
        self.environment = environment
        """What an interpreter is to be started with."""
        self.groups = cgroup.Groups(cgroup.proved(cgroup.find()))
        self.zygotes: dict[int, int] = {}
        self.exits: dict[int, int] = {}
        """Descriptors that become readable when a zygote ends -> its process id."""

    def serve(self) -> None:
        place = self.groups.place
        wire.send(self.control, {"ready": True, "cgroup": place.folder, "without_cgroup": place.reason})
        while True:
            poll = select.poll()
            for fd in (self.control.fileno(), self.judge, *self.exits):
                poll.register(fd, select.POLLIN)
            ready = {fd for fd, _ in poll.poll()}
            for fd in ready & self.exits.keys():
                self.reap(fd)
            if self.judge in ready:
                break
            if self.control.fileno() in ready:
                message, fds = wire.receive(self.control)
                if message is None:
                    break
                self.handle(message, fds)
        for pid in self.exits.values():
            os.kill(pid, signal.SIGKILL)
        while self.exits:
            self.reap(next(iter(self.exits)))
        self.groups.close()
        scratch.sweep()

    def handle(self, message: dict[str, Any], fds: list[int]) -> None:
        number = message["id"]
        if message["do"] == "kill":
            if (pid := self.zygotes.get(number)) is not None:
                os.kill(pid, signal.SIGKILL)
            return
        try:
            group = self.groups.make(number)
        except OSError as error:
            with socket.socket(fileno=fds[0]) as sock:
                wire.send(sock, {"error": f"no cgroup could be made: {error}"})
            return
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            kernel.die_with_parent(parent)
            sock = socket.socket(fileno=fds[0])
            self.control.close()
            os.close(self.judge)
            for fd in self.exits:
                os.close(fd)
            try:
                # No two zygotes that are alive have one process id, of whatever nursery: it makes out their users.
                serve = self.prepared(sock, message["tier"], message.get("shown"), os.getpid(), group)
            except OSError as error:
                wire.send(sock, {"error": str(error)})
            else:
                serve()
            os._exit(0)
        os.close(fds[0])
        self.zygotes[number] = pid
        self.exits[os.pidfd_open(pid)] = pid

    def prepared(
        self, sock: socket.socket, tier: str, shown: list[str] | None, number: int, group: str | None
    ) -> Callable[[], None]:
        """Make this process a zygote of ``tier``, with ``shown`` one for executables; return what serves the judge.

        Raises:
            OSError: the tier is not to be had here.
        """
        bound = None if group is None else cgroup.Bound.enter(group)
        # Few runs need the modules that are imported here.
        if tier == "bubblewrap":
            bubblewrap = importlib.import_module("atlas.sandbox.box.bubblewrap")
            bubblewrap.enter(sock, self.layout, number, shown, bound, self.environment)
        if shown is not None:
            exec_zygote = importlib.import_module("atlas.sandbox.box.exec_zygote")
            return exec_zygote.prepared(sock, tier, shown, number, bound)
        return zygote.prepared(sock, tier, self.layout, number, bound)

    def reap(self, fd: int) -> None:
        pid = self.exits.pop(fd)
        os.close(fd)
        os.waitpid(pid, 0)
        for number in [number for number, started in self.zygotes.items() if started == pid]:
            del self.zygotes[number]
            self.groups.remove(number)
