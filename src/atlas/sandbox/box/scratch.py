"""Writable folders where nothing may be mounted: named after their owner, measured, emptied, and swept when it is gone.

What lies in them was made by programs: trees may be deep beyond any path's length, and closed to their owner.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress

_NAME = re.compile(r"atlas-box-(\d+)-(\d+)-")
_LONGEST = 4000
"""Characters of a path that the kernel takes (PATH_MAX), nearly."""


def name(owner: int) -> str:
    """Return how the names of what the process ``owner`` makes begin; other pid namespaces may share the folder."""
    return f"atlas-box-{_pid_namespace()}-{owner}-"


def left_by_the_dead(folder: str) -> Iterator[str]:
    """Yield the paths in ``folder`` that are named after processes of this pid namespace that are gone."""
    for entry in list(os.scandir(folder)):
        named = _NAME.match(entry.name)
        if named and int(named[1]) == _pid_namespace() and not os.path.exists(f"/proc/{named[2]}"):
            yield entry.path


def _pid_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def memory_folder() -> str:
    """Return where folders are best made: in memory."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"


def make(folder: str, owner: int, user: int | None) -> str:
    """Make a folder of ``owner``'s in ``folder``, for the user ``user`` if given, and return its path."""
    path = tempfile.mkdtemp(prefix=name(owner), dir=folder)
    if user is not None:
        os.chown(path, user, user)
    return path


def sweep(folder: str) -> None:
    """Remove the folders whose owners are gone and whose watchers were killed with them."""
    for path in left_by_the_dead(folder):
        with suppress(OSError):  # another user's stays
            remove(path)


def remove(folder: str) -> None:
    """Remove a folder that nothing uses any more."""
    empty(folder)
    os.rmdir(folder)


def empty(folder: str) -> None:
    """Remove all that is in a folder that nothing uses any more.

    Raises:
        OSError: something in it belongs to somebody else.
    """
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while names := os.listdir(top):
            for entry in names:
                if _is_folder(entry, top):
                    _dissolve(entry, top)
                else:
                    os.unlink(entry, dir_fd=top)
    finally:
        os.close(top)


def _dissolve(folder: str, top: int) -> None:
    """Remove a folder in ``top``; the folders in it move up to ``top``, so that no depth is too deep."""
    os.chmod(folder, 0o700, dir_fd=top)
    inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    try:
        for entry in os.listdir(inner):
            if _is_folder(entry, inner):
                os.chmod(entry, 0o700, dir_fd=inner)  # its link to the folder above changes
                os.rename(entry, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(folder, dir_fd=top)


def _is_folder(entry: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode)


def exceeds(folder: str, limit: int) -> bool:
    """Say whether the files in a folder take more than ``limit`` bytes, while programs are at work on it.

    Each file and folder counts 4 KiB beside its data. What is deeper than a path can say is too much as well.
    """
    total = 0
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if len(path) > _LONGEST:
            return True
        with suppress(OSError), os.scandir(path) as entries:  # it may be gone by now, or closed
            for entry in entries:
                total += 4096 + entry.stat(follow_symlinks=False).st_blocks * 512
                if total > limit:
                    return True
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return False
