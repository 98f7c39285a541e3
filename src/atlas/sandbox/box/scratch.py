"""Scratch folders where none can be mounted: named after their owner, measured, emptied, and swept when it is gone.

What lies in them was made by programs: trees may be deeper than any path may be long, and closed to everybody.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress

BYTES = 64 << 20
"""What the scratch folder of a program may hold, however it is made."""
MOST_FILES = 1024
"""And how many files and folders, where it is mounted."""

_NAME = re.compile(r"atlas-box-(\d+)-(\d+)-")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened: a program at work may put a link or a pipe in its place."""
_LONGEST = 4000
"""Characters of a path that the kernel takes (PATH_MAX), nearly."""
_ENTRY_BYTES = BYTES // MOST_FILES
"""What a file or a folder counts for beside its content: nothing else keeps a program from making any number."""


def name(owner: int) -> str:
    """Return how the names of what the process ``owner`` makes begin; other pid namespaces may share the folder."""
    return f"atlas-box-{_pid_namespace()}-{owner}-"


def left_by_the_dead(folder: str) -> Iterator[str]:
    """Yield the paths in ``folder`` that are named after processes of this pid namespace that are gone."""
    for entry in os.listdir(folder):
        named = _NAME.match(entry)
        if named and int(named[1]) == _pid_namespace() and not os.path.exists(f"/proc/{named[2]}"):
            yield f"{folder}/{entry}"


def _pid_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def place() -> str:
    """Return where scratch folders are made: in memory, if there is such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"


def make(owner: int, user: int | None) -> str:
    """Make a folder of the process ``owner``, for the user ``user`` if given, and return its path."""
    folder = tempfile.mkdtemp(prefix=name(owner), dir=place())
    if user is not None:
        os.chown(folder, user, user)
    return folder


def sweep() -> None:
    """Remove folders whose owners are gone and which nobody else could remove, as all were killed at once."""
    for folder in left_by_the_dead(place()):
        remove(folder)


def remove(folder: str) -> None:
    """Remove a folder that nothing uses any more, and all in it. What belongs to another user stays."""
    with suppress(OSError):
        parent = os.open(os.path.dirname(folder), _FOLDER)
        try:
            last = os.path.basename(folder)
            top = _opened(last, parent)
            try:
                _clear(top)
            finally:
                os.close(top)
            os.rmdir(last, dir_fd=parent)
        finally:
            os.close(parent)


def empty(folder: str) -> None:
    """Remove all that is in a folder that nothing uses any more.

    Raises:
        OSError: something in it belongs to somebody else.
    """
    top = os.open(folder, _FOLDER)
    try:
        _clear(top)
    finally:
        os.close(top)


def _clear(top: int) -> None:
    """Remove all in the folder ``top``. What lies deeper moves up to it first, so that no depth is too deep."""
    while entries := os.listdir(top):
        for entry in entries:
            if not _is_folder(entry, top):
                os.unlink(entry, dir_fd=top)
                continue
            inner = _opened(entry, top)
            try:
                for below in os.listdir(inner):
                    if _is_folder(below, inner):
                        os.close(_opened(below, inner))  # its link to the folder above is to change
                        os.rename(below, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
                    else:
                        os.unlink(below, dir_fd=inner)
            finally:
                os.close(inner)
            os.rmdir(entry, dir_fd=top)


def _is_folder(entry: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode)


def _opened(entry: str, folder: int) -> int:
    """Open the folder ``entry`` of a folder, whatever its mode, and let it be changed."""
    try:
        fd = os.open(entry, _FOLDER, dir_fd=folder)
    except PermissionError:
        os.chmod(entry, 0o700, dir_fd=folder)
        fd = os.open(entry, _FOLDER, dir_fd=folder)
    os.fchmod(fd, 0o700)
    return fd


def is_too_full(folder: str, most: int) -> bool:
    """Say whether a folder that is in use holds more than ``most`` bytes, or something whose size can't be known."""
    total = 0
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if len(path) > _LONGEST:
            return True
        try:
            opened = os.open(path, _FOLDER)
        except PermissionError:
            return True
        except OSError:  # moved under way
            continue
        try:
            for entry in os.listdir(opened):
                with suppress(OSError):  # moved under way
                    about = os.stat(entry, dir_fd=opened, follow_symlinks=False)
                    total += _ENTRY_BYTES + about.st_blocks * 512
                    if stat.S_ISDIR(about.st_mode):
                        waiting.append(f"{path}/{entry}")
                if total > most:
                    return True
        finally:
            os.close(opened)
    return False
