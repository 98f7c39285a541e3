"""A root of its own: new namespaces, a read-only tree with nothing but the standard library, no /proc, no
network.
"""

from __future__ import annotations

import os
import socket

from atlas.sandbox.box import kernel, scratch
from atlas.sandbox.box.layout import Layout

INNER_UID = 1000
STAGING = "/proc"
"""Where the new root is put together: a folder that every system has and nothing needs any more."""
_SCRATCH_OPTIONS = f"size={scratch.BYTES},nr_inodes={scratch.MOST_FILES},mode=1777"

COMMON = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS


def enter(layout: Layout, *, user_namespace: bool, outer_uid: int | None) -> None:
    """Move this process into new namespaces and a root that shows ``layout`` only; its next child is their
    pid 1.

    With ``outer_uid`` (needs root) the inner uid 1000 is that user outside, and 0 stays root for the set-up;
    without it, the inner uid is the present user.

    Raises:
        OSError: the kernel or the container refuses a step; the message names it.
    """
    if user_namespace:
        enter_user_namespace(outer_uid)
    else:
        kernel.unshare(COMMON)
    socket.sethostname("sandbox")
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", STAGING, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for folder in layout.folders():
        os.makedirs(STAGING + folder)
        bind(folder)
    for file in layout.files():
        os.makedirs(os.path.dirname(STAGING + file), exist_ok=True)
        with open(STAGING + file, "x", encoding="utf-8"):
            bind(file)
    for folder in layout.hidden():
        kernel.mount("tmpfs", STAGING + folder, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=4k,mode=555")
    for name in ("lib", "lib64"):
        if os.path.islink(f"/{name}") and not os.path.exists(f"{STAGING}/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{STAGING}/{name}")
    os.mkdir(STAGING + layout.scratch())
    kernel.pivot_root(STAGING)
    kernel.make_read_only("/", recursive=False)
    mount_scratch(layout.scratch())


def bind(path: str) -> None:
    """Show ``path`` in the root that is put together at ``STAGING``, read-only."""
    kernel.mount(path, STAGING + path, "", kernel.MS_BIND | kernel.MS_REC)
    if not path.startswith("/dev/"):  # a device on a nodev mount cannot be opened
        kernel.make_read_only(STAGING + path)


def mount_scratch(path: str) -> None:
    """Mount an empty scratch folder and make it the working folder."""
    kernel.mount("tmpfs", path, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, _SCRATCH_OPTIONS)
    os.chdir(path)


def renew_scratch(path: str) -> None:
    """Throw the scratch folder away, with all that was done to it, and mount an empty one."""
    os.chdir("/")
    kernel.unmount(path)
    mount_scratch(path)


def enter_user_namespace(outer_uid: int | None) -> None:
    """Move this process into new namespaces, a user namespace among them; ``outer_uid`` as in ``enter``."""
    if outer_uid is None:
        uid, gid = os.geteuid(), os.getegid()
        kernel.unshare(kernel.CLONE_NEWUSER | COMMON)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{INNER_UID} {uid} 1")
        _write("/proc/self/gid_map", f"{INNER_UID} {gid} 1")
        return
    # Only a process that stayed outside may map a second user.
    me = os.getpid()
    reader, writer = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(writer)
        os.read(reader, 1)
        for kind in ("uid", "gid"):
            _write(f"/proc/{me}/{kind}_map", f"0 0 1\n{INNER_UID} {outer_uid} 1")
        os._exit(0)
    os.close(reader)
    try:
        kernel.unshare(kernel.CLONE_NEWUSER | COMMON)
    finally:
        os.close(writer)
        _, status = os.waitpid(helper, 0)
    if status:
        raise OSError("writing uid_map failed")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
