"""The process of one execution: it confines itself for good, tells the zygote so, and only then reads the
program.
"""

from __future__ import annotations

import gc
import mmap
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from atlas.sandbox.box import kernel, landlock, program, roles, seccomp, wire

PAGE_TEXT = 64
"""Where in the shared page the reason of a failed set-up stands."""

_STARTED = wire.CHANNEL + 1
_BEFOREHAND = {resource.RLIMIT_NOFILE: 64, resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 0}
"""Limits that are the same for every program."""
_STACK = 100 << 20
"""Below the 128 MiB that the kernel keeps free under the main thread's stack."""


@dataclass
class Box:
    """How the processes of one zygote confine themselves.

    ``folder`` is the scratch folder, ``"/"`` if there is none; with ``mounts`` it is replaced after it was used, else
    emptied.
    """

    ruleset: int | None
    filter: seccomp.Filter | None
    uid: int | None
    capabilities: int
    own_user: bool
    folder: str
    mounts: bool

    @property
    def emptied(self) -> bool:
        """Whether there is a scratch folder that outlasts an execution."""
        return not self.mounts and self.folder != "/"


@dataclass(frozen=True)
class Link:
    """What ties a process to its zygote: the counter that says it is confined, the shared page, the zygote's pid, and
    address space to give back in need.
    """

    started: int
    page: mmap.mmap
    zygote: int
    reserve: mmap.mmap


class Bounds(NamedTuple):
    """Limits of one process: CPU in whole seconds (a backstop), bytes, and threads."""

    cpu_s: int
    memory: int
    output: int
    processes: int | None


def prepare(box: Box) -> None:
    """Do in the zygote, once, what its processes inherit: each page that a fresh process touches is copied."""
    os.chdir(box.folder)
    for which, value in _BEFOREHAND.items():
        resource.setrlimit(which, (value, value))
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    # Only the soft limit: programs that raise it themselves must not fail.
    resource.setrlimit(resource.RLIMIT_STACK, (min(_STACK, hard) if hard >= 0 else _STACK, hard))
    if box.uid is not None:
        os.setgroups([])
    kernel.no_new_privileges()
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    program.reset()
    sys.orig_argv = list(sys.argv)  # the nursery's own name the judge and where our modules are


def main(box: Box, bounds: Bounds, fds: list[int], link: Link) -> NoReturn:
    """Confine this process, run what the request says, and end."""
    status = 1
    try:
        _confine(box, bounds, fds, link)
    except (OSError, ValueError) as error:  # the latter from a limit above that of the whole sandbox
        text = str(error).encode()[: mmap.PAGESIZE - PAGE_TEXT]
        link.page[PAGE_TEXT : PAGE_TEXT + len(text)] = text
        os._exit(status)
    try:
        gc.enable()
        roles.play(link.page, link.reserve)
        status = 0
    finally:
        # Whatever the program left behind (threads, exit handlers, an exception in the recorder) ends here.
        os._exit(status)


def _confine(box: Box, bounds: Bounds, fds: list[int], link: Link) -> None:
    os.setsid()  # else a signal to the process group would reach the zygote
    for number, fd in enumerate(fds):
        os.dup2(fd, number, inheritable=False)
    if len(fds) == wire.CHANNEL:
        os.close(wire.CHANNEL)
    os.dup2(link.started, _STARTED, inheritable=False)
    _limit(bounds)
    if box.uid is not None:
        if box.capabilities:
            kernel.keep_capabilities_over_setuid()
        os.setresgid(box.uid, box.uid, box.uid)
        os.setresuid(box.uid, box.uid, box.uid)
    kernel.drop_capabilities(keep=box.capabilities)
    kernel.die_with_parent(link.zygote)
    kernel.undumpable()
    if box.ruleset is not None:
        landlock.restrict_self(box.ruleset)
    kernel.close_from(_STARTED + 1)
    if box.filter is None:
        for standard in (wire.STDIN, wire.STDOUT, wire.STDERR):  # it may start others, whose they are as well
            os.set_inheritable(standard, True)
    else:
        box.filter.install()
    os.eventfd_write(_STARTED, 1)
    os.close(_STARTED)


def _limit(bounds: Bounds) -> None:
    # Written out: each function and object more is on pages that this process has to copy.
    limit = resource.setrlimit
    limit(resource.RLIMIT_CPU, (bounds.cpu_s, bounds.cpu_s))
    limit(resource.RLIMIT_AS, (bounds.memory, bounds.memory))
    # One byte more than is allowed, so that a full file and one that wanted to be longer differ.
    limit(resource.RLIMIT_FSIZE, (bounds.output + 1, bounds.output + 1))
    if bounds.processes is not None:
        limit(resource.RLIMIT_NPROC, (bounds.processes, bounds.processes))
