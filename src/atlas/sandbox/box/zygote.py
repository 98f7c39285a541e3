"""A zygote: one worker's warm interpreter. It sets its box up once, then forks one process an execution
and bounds it.

It never reads a request, an output or a result: a program has no bytes to attack it with. Files that go in or come out
are copied by a process for that alone.
"""

from __future__ import annotations

import gc
import importlib
import mmap
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

from atlas.sandbox.box import (
    bundle,
    cgroup,
    child,
    descendants,
    kernel,
    landlock,
    namespaces,
    roles,
    scratch,
    seccomp,
    wire,
)
from atlas.sandbox.box.layout import Layout
from atlas.sandbox.box.process import become_init, private_uid, process_memory
from atlas.sandbox.box.procfs import Census

_SHORTEST_WAIT_MS = 5
_LOOK_EVERY_S = 0.1
_BLANK = wire.STAGE.pack(-1, 0, 0) + bytes(mmap.PAGESIZE - wire.STAGE.size)
_FILES = 5
"""That a program can write to and the judge holds: its standard streams, the request and the result."""


def prepared(
    sock: socket.socket, tier: str, layout: Layout, number: int, bound: cgroup.Bound | None
) -> Callable[[], None]:
    """Set up the box of ``tier``; return what serves ``sock`` until the judge closes it.

    ``number`` is this zygote's own, ``bound`` its hold on the memory of all that runs in the box.

    Raises:
        OSError: the tier is not to be had here.
    """
    proc = os.open("/proc", os.O_PATH | os.O_CLOEXEC)  # there is none in the box
    uid = private_uid(number) if os.geteuid() == 0 else None
    if tier == "landlock":
        if landlock.version() == 0:
            raise OSError("this kernel has no Landlock")
        scratch.sweep()
    elif tier != "unsafe":
        if tier == "root" and uid is None:
            raise OSError("there is no second user to run programs as")
        nursery = os.getppid()
        namespaces.enter(layout, user_namespace=tier == "userns", outer_uid=uid)
        become_init(nursery)
    return _settled(sock, _open_box(layout, uid) if tier == "unsafe" else _box(tier, layout, uid), layout, proc, bound)


def prepared_in_bubblewrap(
    sock: socket.socket, layout: Layout, uid: int | None, proc: int, bound: cgroup.Bound | None
) -> Callable[[], None]:
    """As ``prepared``, in a box that is there; ``proc`` is a descriptor of a procfs that knows this process."""
    return _settled(sock, _box("bubblewrap", layout, uid), layout, proc, bound)


def _settled(
    sock: socket.socket, box: child.Box, layout: Layout, proc: int, bound: cgroup.Bound | None
) -> Callable[[], None]:
    if not kernel.SUPPORTED:
        raise OSError(f"system calls are known for x86-64 and aarch64 only, not for {os.uname().machine}")
    try:
        _warm(layout)
    except ImportError as error:
        raise OSError(str(error)) from error
    child.prepare(box)
    base, resident = process_memory(proc)
    os.close(proc)
    if bound is not None:
        # Of this process and a program, which is its copy and one process, the kernel kills the one that has grown.
        bound.keep(resident)
    return partial(wire.serve, sock, landlock.version(), _Zygote(sock, box, base, layout, bound).answer)


def _warm(layout: Layout) -> None:
    """Import what the profile wants preloaded.

    Raises:
        ImportError: a module is not there, or can't be loaded here.
    """
    sys.path.extend(layout.packages)
    for name in layout.preload:
        importlib.import_module(name)
    os.environ.clear()
    if layout.preload:
        gc.collect()
        gc.freeze()


def _box(tier: str, layout: Layout, uid: int | None) -> child.Box:
    """Say how the processes of this zygote are to confine themselves."""
    if tier == "userns" and uid is not None:
        uid = namespaces.INNER_UID
    hidden_library = tier == "landlock" and uid is not None and not layout.readable_by_all()
    return child.Box(
        ruleset=_ruleset(layout, mounted=tier != "landlock"),
        filter=seccomp.Filter(seccomp.assemble()),
        uid=uid,
        # Root's own library, a user without rights: reading is then up to Landlock alone.
        capabilities=kernel.CAP_DAC_READ_SEARCH if hidden_library else 0,
        # The kernel counts a user's tasks; that bounds one program where the user is the program's own.
        own_user=uid is not None or tier != "landlock",
        folder="/" if tier == "landlock" else layout.scratch(),
        mounts=tier in {"userns", "root"},
    )


def _open_box(layout: Layout, uid: int | None) -> child.Box:
    """Say how processes run that nothing but limits holds back: under another user than root, if that one can."""
    uid = uid if layout.readable_by_all() else None
    scratch.sweep()
    kernel.adopt_orphans()
    return child.Box(
        ruleset=None,
        filter=None,
        uid=uid,
        capabilities=0,
        own_user=uid is not None,
        folder=scratch.make(os.getpid(), uid),
        mounts=False,
    )


def _ruleset(layout: Layout, *, mounted: bool, folder: str | None = None) -> int | None:
    """Return the rules of ``layout``, which allow to write to ``folder`` as well if it is given."""
    rules = layout.rules(mounted=mounted)
    if folder is not None:
        rules.append((folder, "write"))
    return landlock.make_ruleset(rules) if landlock.version() else None


def _tasks(pid: int) -> int:
    """Count threads where the kernel has no limit on them for us; a tier where that is so has /proc."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return 0


def _apart(copy: Callable[[], int | None]) -> int:
    """Copy files in a process for that alone: what went through this one's memory could be found by programs forked
    later.

    Raises:
        OSError: it failed.
    """
    reader, writer = os.pipe()
    pid = kernel.fork()
    if pid == 0:
        try:
            os.write(writer, b"%d" % (copy() or 0))
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    if not told.isdigit():
        raise OSError(told.decode(errors="replace") or "the process that copies files was lost")
    return int(told)


class _Zygote:
    def __init__(
        self, sock: socket.socket, box: child.Box, base: int, layout: Layout, bound: cgroup.Bound | None
    ) -> None:
        self.sock = sock
        self.box = box
        self.base = base
        self.layout = layout
        self.bound = bound
        self.page = mmap.mmap(-1, mmap.PAGESIZE)
        """Shared with the present execution's process: which input it is at, or why it could not start."""
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)
        self.started = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Counts up when a process has confined itself; from then on it may lie, but not take this back."""
        self.link = child.Link(self.started, self.page, os.getpid(), roles.reserve())
        self.scratch = self._scratch_state()
        self.watched = box.folder if box.emptied else None
        """A scratch folder that only looking keeps small."""

    def answer(self, job: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Execute a job; return the report on it."""
        reply = self.execute_with_files(job, fds) if "keep_files" in job else self.execute(job, fds)
        self._renew_scratch()
        return reply

    def execute_with_files(self, job: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Execute a job whose scratch folder begins with files, and pack what it leaves if that is wanted."""
        *fds, given, left = fds
        with self._folder() as folder:
            _apart(lambda: bundle.unpack(given, folder, self.box.uid))
            reply = self.execute(job, fds)
            if job["keep_files"]:
                reply["left_out"] = _apart(lambda: bundle.pack(folder, ".", left, scratch.BYTES)[1])
        os.close(given)
        os.close(left)
        return reply

    @contextmanager
    def _folder(self) -> Generator[str]:
        """The scratch folder; where there is none, one for this execution."""
        if self.box.folder != "/":
            yield self.box.folder
            return
        self.watched = scratch.make(os.getpid(), self.box.uid)
        usual = self.box.ruleset
        self.box.ruleset = _ruleset(self.layout, mounted=False, folder=self.watched)
        os.chdir(self.watched)
        try:
            yield self.watched
        finally:
            os.chdir("/")
            if self.box.ruleset is not None:
                os.close(self.box.ruleset)
            self.box.ruleset = usual
            scratch.remove(self.watched)
            self.watched = None

    def execute(self, job: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        # Few functions and objects: what is touched between two forks is copied.
        self.page[:] = _BLANK
        bounds = child.Bounds(
            cpu_s=int(job["load_cpu_s"] + job["cpu_s"] * job["inputs"]) + 2,
            memory=self.base + job["memory"],
            output=job["output"],
            processes=job["processes"] if self.box.own_user else None,
        )
        if self.bound is not None:
            self.bound.allow(job["memory"] + _FILES * job["output"] + scratch.BYTES)
            self.bound.killed()  # of what an earlier program had started
        start = time.monotonic()
        pid = kernel.fork()
        if pid == 0:
            child.main(self.box, bounds, fds, self.link)
        for fd in fds:
            os.close(fd)
        killed, stage, cpu_from = self.supervise(pid, job, start)
        _, status, usage = os.wait4(pid, 0)
        cpu, wall = usage.ru_utime + usage.ru_stime, time.monotonic() - start
        if self.box.filter is None:
            self._end_others()
        if status == signal.SIGKILL and self.bound is not None and self.bound.killed():
            killed = killed or wire.KILLED_MEMORY
        setup_error = self._setup_error()
        return {
            "exit": os.waitstatus_to_exitcode(status),
            "killed": killed,
            "cpu_s": cpu,
            "wall_s": wall,
            "peak_mb": usage.ru_maxrss / 1024,
            "loading": stage <= 0,
            "last_cpu_s": max(0.0, cpu - cpu_from),
            # A process that was cancelled on its way is no fault.
            "setup_error": None if killed == wire.KILLED_CANCELLED else setup_error,
        }

    def supervise(self, pid: int, job: dict[str, Any], start: float) -> tuple[str | None, int, float]:
        """Wait for the process; kill it when its input's time is up, the judge cancels, or the judge is gone.

        Returns why it was killed, which input it was at (0: loading) and the CPU time when it began that. Loading
        begins with the process, not when it says so: a budget for what comes before would be one more than the judge
        waits for. A process can lie about an input's start, but only once an input, for no more inputs than there are,
        and never beyond now.
        """
        inputs, cpu_s, load_cpu_s, wall_s = job["inputs"], job["cpu_s"], job["load_cpu_s"], job["wall_s"]
        clock = (~pid << 3) | 2  # the process's CPU clock (clock_getcpuclockid)
        exited = os.pidfd_open(pid)
        self.poll.register(exited, select.POLLIN)
        stage, cpu_from, wall_from, killed = 0, 0.0, start, None
        looks = not self.box.own_user or self.watched is not None
        wait = min(cpu_s, load_cpu_s, wall_s)
        try:
            while True:
                longest = min(wait, _LOOK_EVERY_S) if looks else wait
                ready = self.poll.poll(max(_SHORTEST_WAIT_MS, longest * 1000))
                cpu, wall = time.clock_gettime(clock), time.monotonic()
                now, cpu_ns, wall_ns = wire.STAGE.unpack_from(self.page)
                if stage < now <= inputs:
                    stage = now
                    cpu_from = min(max(cpu_ns / 1e9, cpu_from), cpu)
                    wall_from = min(max(wall_ns / 1e9, wall_from), wall)
                for fd, _ in ready:
                    if fd == exited:
                        return None, stage, cpu_from
                    self._end_if_judge_is_gone(pid)
                    killed = wire.KILLED_CANCELLED
                cpu_left = (cpu_s if stage > 0 else load_cpu_s) - (cpu - cpu_from)
                wait = min(cpu_left, wall_s - (wall - wall_from))
                if wait <= 0:
                    killed = wire.KILLED_CPU if cpu_left <= 0 else wire.KILLED_WALL
                elif looks:
                    killed = killed or self._excess(pid, job)
                if killed:
                    os.kill(pid, signal.SIGKILL)
                    return killed, stage, cpu_from
        finally:
            self.poll.unregister(exited)
            os.close(exited)

    def _excess(self, pid: int, job: dict[str, Any]) -> str | None:
        """Say which limit is exceeded of those that the kernel does not hold here."""
        if not self.box.own_user and _tasks(pid) > job["processes"]:
            return wire.KILLED_TASKS
        if self.watched is not None and scratch.is_too_full(self.watched, scratch.BYTES):
            return wire.KILLED_SCRATCH
        return None

    def _end_others(self) -> None:
        """End what the process started where no filter denies it that."""
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        descendants.end(Census(proc), self.box.uid)
        os.close(proc)

    def _end_if_judge_is_gone(self, pid: int) -> None:
        message, fds = wire.receive(self.sock)
        for fd in fds:
            os.close(fd)
        if message is None:
            os.kill(pid, signal.SIGKILL)
            os._exit(0)

    def _setup_error(self) -> str | None:
        """Say why the process could not confine itself, None if it did and ran."""
        try:
            os.eventfd_read(self.started)
        except BlockingIOError:
            text = bytes(self.page[child.PAGE_TEXT :]).rstrip(b"\0").decode(errors="replace")
            return text or "the process ended before it was confined"
        return None

    def _scratch_state(self) -> tuple[int, int, int] | None:
        if self.box.folder == "/":
            return None
        state = os.stat(self.box.folder)
        # Two changes within one tick of the file system's clock have one time; a tmpfs counts the entries in the size.
        return state.st_mtime_ns, state.st_ctime_ns, state.st_size

    def _renew_scratch(self) -> None:
        """Replace the scratch folder if it was touched at all; the rules must name the new one."""
        folder = self.box.folder
        if folder == "/" or (self._scratch_state() == self.scratch and not (self.box.emptied and os.listdir(folder))):
            return
        if self.box.emptied:
            scratch.empty(folder)
        else:
            namespaces.renew_scratch(folder)
            if self.box.ruleset is not None:
                os.close(self.box.ruleset)
                self.box.ruleset = _ruleset(self.layout, mounted=True)
        self.scratch = self._scratch_state()
