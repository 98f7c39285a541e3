"""A zygote for programs that are executed rather than called: compilers, and what they or other languages run.

It sets its box up once; each job gets a process of its own that watches it (``exec_init``), in namespaces of its own.
"""

from __future__ import annotations

import mmap
import os
import select
import shutil
import signal
import socket
import time
from contextlib import suppress
from typing import Any

from atlas.sandbox.box import (
    bundle,
    exec_init,
    exec_namespaces,
    exec_seccomp,
    kernel,
    landlock,
    namespaces,
    scratch,
    wire,
)
from atlas.sandbox.box.exec_init import FIRST_BUNDLE, ExecBox
from atlas.sandbox.box.exec_layout import KIT, ExecLayout
from atlas.sandbox.box.zygote import become_init, private_uid

_GRACE_S = 15.0
"""How much longer than a job's wall time its box may take to come up and to end."""
_SIGNAL_SCOPES = 6
"""The Landlock version from which a process under it can signal only others under it."""


def main(sock: socket.socket, tier: str, toolchains: list[str], number: int) -> None:
    """Set up a box of ``tier`` that shows ``toolchains`` and serve ``sock`` until the judge closes it."""
    try:
        zygote = _Zygote(sock, _set_up(tier, ExecLayout(tuple(toolchains)), number))
    except OSError as error:
        wire.send(sock, {"error": str(error)})
        return
    wire.serve(sock, landlock.version(), zygote.answer)


def _set_up(tier: str, layout: ExecLayout, number: int) -> ExecBox:
    if not kernel.SUPPORTED:
        raise OSError(f"system calls are known for x86-64 and aarch64 only, not for {os.uname().machine}")
    uid = private_uid(number) if os.geteuid() == 0 else None
    mounted = tier != "landlock"
    if not mounted and landlock.version() == 0:
        raise OSError("this kernel has no Landlock")
    if tier == "root" and uid is None:
        raise OSError("there is no second user to run programs as")
    if mounted:
        nursery = os.getppid()
        exec_namespaces.unshare(user_namespace=tier == "userns", outer_uid=uid)
        become_init(nursery)
        exec_namespaces.build_root(layout)
    own_user = uid is not None or tier == "userns"
    if tier == "userns" and uid is not None:
        uid = namespaces.INNER_UID
    if not mounted:
        scratch.sweep()
    return ExecBox(
        rules=layout.rules(mounted=mounted),
        mounted=mounted,
        uid=uid,
        own_user=own_user,
        filter=exec_seccomp.assemble(
            own_files=mounted or uid is not None,
            own_signals=mounted or uid is not None or landlock.version() >= _SIGNAL_SCOPES,
        ),
        zygote=os.pidfd_open(os.getpid()),
        cancel=os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC),
    )


class _Zygote:
    def __init__(self, sock: socket.socket, box: ExecBox) -> None:
        self.sock, self.box = sock, box
        self.page = mmap.mmap(-1, mmap.PAGESIZE)
        """Shared with the program's process until it is executed."""
        self.report = mmap.mmap(-1, mmap.PAGESIZE)

    def answer(self, message: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Do what a message says; return the report on it."""
        try:
            return self.install(fds) if "install" in message else self.execute(message, fds)
        except OSError as error:
            return {"setup_error": str(error)}
        finally:
            for fd in fds:
                os.close(fd)

    def install(self, fds: list[int]) -> dict[str, Any]:
        """Unpack a bundle where every program may read it."""
        if not self.box.mounted:
            raise OSError("there is no place for shared files")
        try:
            for fd in fds[FIRST_BUNDLE:]:
                bundle.unpack(fd, KIT, None)
        except OSError:
            for entry in os.scandir(KIT):  # a compiler must not meet half a file
                (shutil.rmtree if entry.is_dir() else os.unlink)(entry.path)
            raise
        return {"setup_error": None}

    def execute(self, job: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        self.page[:] = bytes(mmap.PAGESIZE)
        self.report[:] = bytes(mmap.PAGESIZE)
        with suppress(BlockingIOError):
            os.eventfd_read(self.box.cancel)  # of a job that had ended
        if self.box.mounted:
            kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            exec_init.main(self.box, job, fds, self.page, self.report)
        if self.box.mounted:
            kernel.enter_namespace(self.box.zygote, kernel.CLONE_NEWPID)
        self.wait(pid, job)
        return exec_init.read_report(self.report) or {"setup_error": "the process that watches a program was lost"}

    def wait(self, pid: int, job: dict[str, Any]) -> None:
        """Wait for the watching process; have it end all when the judge cancels or is gone."""
        exited = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(exited, select.POLLIN)
        poll.register(self.sock, select.POLLIN)
        end = time.monotonic() + job["wall_s"] + _GRACE_S
        gone = False
        while exited not in (ready := {fd for fd, _ in poll.poll(1000)}):
            if ready:
                gone = wire.receive(self.sock)[0] is None
                os.eventfd_write(self.box.cancel, 1)
                if gone:
                    poll.unregister(self.sock)
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
        os.close(exited)
        os.waitpid(pid, 0)
        if gone:
            os._exit(0)
