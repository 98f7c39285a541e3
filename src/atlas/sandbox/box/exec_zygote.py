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
from collections.abc import Callable
from contextlib import suppress
from functools import partial
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
from atlas.sandbox.box.cgroup import Bound
from atlas.sandbox.box.exec_init import FIRST_BUNDLE, ExecBox
from atlas.sandbox.box.exec_layout import KIT, ExecLayout
from atlas.sandbox.box.process import become_init, private_uid, process_memory

_GRACE_S = 15.0
"""How much longer than a job's wall time its box may take to come up and to end."""
_FILES = 3
"""That an execution writes to and the judge holds: standard output and error, and what is collected."""
_SIGNAL_SCOPES = 6
"""The Landlock version from which a process under it can signal only others under it."""


def prepared(
    sock: socket.socket, tier: str, toolchains: list[str], number: int, bound: Bound | None
) -> Callable[[], None]:
    """Set up a box of ``tier`` that shows ``toolchains``; return what serves ``sock`` until the judge closes it.

    Raises:
        OSError: the tier is not to be had here.
    """
    layout = ExecLayout(tuple(toolchains))
    proc = os.open("/proc", os.O_PATH | os.O_CLOEXEC)
    uid = private_uid(number) if os.geteuid() == 0 else None
    if tier == "landlock":
        if landlock.version() == 0:
            raise OSError("this kernel has no Landlock")
    elif tier != "unsafe":
        if tier == "root" and uid is None:
            raise OSError("there is no second user to run programs as")
        nursery = os.getppid()
        exec_namespaces.unshare(user_namespace=tier == "userns", outer_uid=uid)
        become_init(nursery)
        exec_namespaces.build_root(layout)
    return partial(wire.serve, sock, landlock.version(), _Zygote(sock, _box(tier, layout, uid), proc, bound).answer)


def prepared_in_bubblewrap(
    sock: socket.socket, layout: ExecLayout, uid: int | None, proc: int, bound: Bound | None
) -> Callable[[], None]:
    """As ``prepared``, in a box that is there; ``proc`` is a descriptor of a procfs that knows this process."""
    kernel.undumpable()  # /proc is in sight of the programs, which may be the same user
    zygote = _Zygote(sock, _box("bubblewrap", layout, uid), proc, bound)
    return partial(wire.serve, sock, landlock.version(), zygote.answer)


def _box(tier: str, layout: ExecLayout, uid: int | None) -> ExecBox:
    """Say how the executions of this zygote are to be confined."""
    if not kernel.SUPPORTED:
        raise OSError(f"system calls are known for x86-64 and aarch64 only, not for {os.uname().machine}")
    mounts = tier in {"userns", "root"}
    own_user = uid is not None or tier in {"userns", "bubblewrap"}
    if tier == "userns" and uid is not None:
        uid = namespaces.INNER_UID
    shared = tier in {"landlock", "unsafe"}
    if shared:
        scratch.sweep()
    known_files = mounts or uid is not None
    filter = exec_seccomp.assemble(
        own_files=known_files, own_signals=known_files or landlock.version() >= _SIGNAL_SCOPES
    )
    return ExecBox(
        rules=None if tier == "unsafe" else layout.rules(tier),
        mounts=mounts,
        uid=uid,
        own_user=own_user,
        own_pids=not shared,
        kit=not shared and os.path.isdir(KIT),
        filter=None if tier == "unsafe" else filter,
        zygote=os.pidfd_open(os.getpid()),
        cancel=os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC),
        own_scratch=not shared,
    )


class _Zygote:
    def __init__(self, sock: socket.socket, box: ExecBox, proc: int, bound: Bound | None) -> None:
        self.sock, self.box, self.bound = sock, box, bound
        if bound is None:
            os.close(proc)
        else:
            _, resident = process_memory(proc)
            bound.keep(2 * resident)  # this process and the one that watches an execution
            box.proc = proc
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
        if not self.box.kit:
            raise OSError("there is no place for shared files")
        if self.bound is not None:
            self.bound.keep(sum(os.fstat(fd).st_size for fd in fds[FIRST_BUNDLE:]))
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
        if self.bound is not None:
            self.bound.allow(job["resident"] + job["scratch"] + _FILES * job["output"])
            self.bound.killed()
        if self.box.mounts:
            kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            exec_init.main(self.box, job, fds, self.page, self.report)
        if self.box.mounts:
            kernel.enter_namespace(self.box.zygote, kernel.CLONE_NEWPID)
        self.wait(pid, job)
        reply = exec_init.read_report(self.report) or {"setup_error": "the process that watches a program was lost"}
        # Whatever the program was told of it: a compiler reports that a part of it was killed, and exits.
        if self.bound is not None and reply.get("exit") and not reply["killed"] and self.bound.killed():
            reply["killed"] = wire.KILLED_MEMORY
        return reply

    def wait(self, pid: int, job: dict[str, Any]) -> None:
        """Wait for the watching process; have it end all when the judge cancels or is gone.

        Anything else from the judge is a fault of the protocol, after which no report could be matched with its job:
        this zygote then ends as if the judge were gone.
        """
        exited = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(exited, select.POLLIN)
        poll.register(self.sock, select.POLLIN)
        end = time.monotonic() + job["wall_s"] + _GRACE_S
        gone = False
        while exited not in (ready := {fd for fd, _ in poll.poll(1000)}):
            if ready:
                message, fds = wire.receive(self.sock)
                for fd in fds:
                    os.close(fd)
                gone = message is None or "cancel" not in message
                os.eventfd_write(self.box.cancel, 1)
                if gone:
                    poll.unregister(self.sock)
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
        os.close(exited)
        os.waitpid(pid, 0)
        if gone:
            os._exit(0)
