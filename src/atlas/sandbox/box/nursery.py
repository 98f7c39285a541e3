"""The nursery: a process outside every restriction of the judge's, which starts zygotes when asked.

The judge may put itself under Landlock, and a Landlocked process cannot mount; so what must set up a box
is started before. It loads the modules that programs use once, for all zygotes. It ends, with all it
started, when the judge ends.
"""

from __future__ import annotations

import _sitebuiltins
import builtins
import gc
import importlib
import os
import select
import signal
import socket
from typing import Any

from atlas.sandbox.box import kernel, layout, rehearsal, scratch, wire, zygote


def main(control_fd: int, judge: int, packages: tuple[str, ...] = (), preload: tuple[str, ...] = ()) -> None:
    """Serve the judge with process id ``judge`` on the socket ``control_fd`` until either ends.

    ``packages`` are folders that programs import from beside the library, ``preload`` modules to have warm.
    """
    kernel.die_with_parent(judge)
    builtins.exit, builtins.quit = (
        _sitebuiltins.Quitter(name, "Ctrl-D") for name in ("exit", "quit")
    )  # as site has them
    # Received descriptors must never land on the numbers that a program's process uses.
    while os.open(os.devnull, os.O_RDWR) < zygote.FIRST_FREE_FD:
        pass
    shown = layout.discover(packages, preload)
    rehearsal.rehearse()
    gc.collect()
    gc.freeze()
    gc.disable()
    if not preload:  # libraries read their settings from the environment when they are loaded
        os.environ.clear()
    _Nursery(socket.socket(fileno=control_fd), os.pidfd_open(judge), shown).serve()


class _Nursery:
    def __init__(self, control: socket.socket, judge: int, shown: layout.Layout) -> None:
        self.control = control
        self.judge = judge
        self.layout = shown
        self.zygotes: dict[int, int] = {}
        self.exits: dict[int, int] = {}
        """Descriptors that become readable when a zygote ends -> its process id."""

    def serve(self) -> None:
        wire.send(self.control, {"ready": True})
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
        scratch.sweep()

    def handle(self, message: dict[str, Any], fds: list[int]) -> None:
        if message["do"] == "kill":
            if (pid := self.zygotes.get(message["id"])) is not None:
                os.kill(pid, signal.SIGKILL)
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
            # Zygotes get apart by this number, within the nursery's own.
            number = parent * 64 + message["id"] % 64
            if "shown" in message:
                exec_zygote = importlib.import_module("atlas.sandbox.box.exec_zygote")  # few runs need it
                exec_zygote.main(sock, message["tier"], message["shown"], number)
            else:
                zygote.main(sock, message["tier"], self.layout, number)
            os._exit(0)
        os.close(fds[0])
        self.zygotes[message["id"]] = pid
        self.exits[os.pidfd_open(pid)] = pid

    def reap(self, fd: int) -> None:
        pid = self.exits.pop(fd)
        os.close(fd)
        os.waitpid(pid, 0)
        self.zygotes = {key: value for key, value in self.zygotes.items() if value != pid}
