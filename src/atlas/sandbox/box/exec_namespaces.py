"""A root of its own for compilers and runtimes: the system's programs and libraries, read-only, and the toolchains.

The root is put together once, by the pid 1 of the zygote's namespaces; each execution has a copy of the mounts of its
own, with a scratch folder of its own, that goes when its last process does.
"""

from __future__ import annotations

import os
import socket

from atlas.sandbox.box import kernel, namespaces
from atlas.sandbox.box.exec_layout import DEVICES, KIT, PROC, SCRATCH, ExecLayout
from atlas.sandbox.box.namespaces import STAGING

_TMPFS = kernel.MS_NOSUID | kernel.MS_NODEV
_KIT_OPTIONS = "size=512m,nr_inodes=1k,mode=755"
_HIDE_OTHERS = "hidepid=invisible,subset=pid"


def unshare(*, user_namespace: bool, outer_uid: int | None) -> None:
    """Move this process into new namespaces; its next child is their pid 1. See ``namespaces.enter``.

    Raises:
        OSError: the kernel or the container refuses.
    """
    if user_namespace:
        namespaces.enter_user_namespace(outer_uid)
    else:
        kernel.unshare(namespaces.COMMON)


def build_root(layout: ExecLayout) -> None:
    """Enter a root that shows ``layout``; called by pid 1 of the new namespaces.

    Raises:
        OSError: the kernel or the container refuses a step; the message names it.
    """
    socket.sethostname("sandbox")
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", STAGING, "tmpfs", _TMPFS, "size=1m,mode=755")
    for path in (*layout.paths(), *DEVICES):
        _show(path)
    for folder in layout.hidden():
        kernel.mount("tmpfs", STAGING + folder, "tmpfs", _TMPFS, "size=4k,mode=555")
    for link in layout.links():
        os.symlink(os.readlink(link), STAGING + link)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{STAGING}/dev/{name}")
    os.symlink("/proc/self/fd", f"{STAGING}/dev/fd")
    for folder in (SCRATCH, KIT, PROC):
        os.mkdir(STAGING + folder)
    if not os.path.exists(STAGING + "/tmp"):  # a toolchain may lie there
        os.symlink(SCRATCH, STAGING + "/tmp")
    _mount_first_proc()
    kernel.pivot_root(STAGING)
    kernel.make_read_only("/", recursive=False)
    kernel.mount("tmpfs", KIT, "tmpfs", _TMPFS, _KIT_OPTIONS)


def _show(path: str) -> None:
    if os.path.isdir(path):
        os.makedirs(STAGING + path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(STAGING + path), exist_ok=True)
        os.close(os.open(STAGING + path, os.O_CREAT, 0o644))
    namespaces.bind(path)


def _mount_first_proc() -> None:
    """Mount a procfs that no program sees: a user namespace may mount one only where there is one already."""
    try:
        kernel.mount("proc", STAGING + PROC, "proc", _TMPFS, "hidepid=invisible")
    except OSError:
        return  # a container that masks its own; executions then do without, see ``enter_execution``


def enter_execution(scratch_bytes: int, *, shows_processes: bool) -> int | None:
    """Give this process, pid 1 of one execution, mounts of its own with an empty scratch folder.

    Return a descriptor of a procfs of its pid namespace; None where none may be mounted. It is in the program's
    sight only if ``shows_processes``.
    """
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.make_read_only(KIT, recursive=False)
    kernel.mount("tmpfs", SCRATCH, "tmpfs", _TMPFS, f"size={scratch_bytes},nr_inodes=16k,mode=1777")
    try:
        kernel.mount("proc", PROC, "proc", _TMPFS, _HIDE_OTHERS)
    except OSError:
        processes = None
    else:
        processes = os.open(PROC, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if processes is None or not shows_processes:
        _uncover_proc()
    return processes


def _uncover_proc() -> None:
    while os.path.exists(f"{PROC}/self"):
        kernel.unmount(PROC)
