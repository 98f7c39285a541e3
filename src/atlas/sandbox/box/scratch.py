"""Scratch folders where none can be mounted: made in memory, watched for their size, removed whatever was made of them.

A program under Landlock can write to its own folder only; it may have left a tree there that is deeper than any path
may be long, and folders that nobody may enter.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress

BYTES = 64 << 20
"""What the scratch folder of a program may hold, however it is made."""
MOST_FILES = 1024
"""And how many files and folders, where it is mounted."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened: a program at work may put a link or a pipe in its place."""
_DEEPEST = 16
_ENTRY_BYTES = 16 << 10
"""What a file or a folder counts for beside its content: nothing else keeps a program from making any number."""


def make(zygote: int, owner: int | None) -> str:
    """Make a folder for an execution of the zygote with that process id, for the user ``owner`` if given."""
    folder = tempfile.mkdtemp(prefix=f"{_prefix()}{zygote}-", dir=_place())
    if owner is not None:
        os.chown(folder, owner, owner)
    return folder


def _place() -> str:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"


def _prefix() -> str:
    # /dev/shm may be shared with containers, whose process ids mean nothing here.
    return f"atlas-box-{os.stat('/proc/self/ns/pid').st_ino}-"


def sweep() -> None:
    """Remove folders whose zygotes are gone and which nobody else could remove, as all were killed at once."""
    prefix = _prefix()
    for entry in os.scandir(_place()):
        zygote = entry.name.removeprefix(prefix).partition("-")[0]
        if entry.name.startswith(prefix) and not os.path.exists(f"/proc/{zygote}"):
            remove(entry.path)


def remove(folder: str) -> None:
    """Remove a folder and all below it. What belongs to another user stays."""
    place, first = os.path.split(folder)
    parent = os.open(place, _FOLDER)
    left = [first]
    number = 0
    try:
        with suppress(OSError):
            while left:
                name = left.pop()
                current = _opened(name, parent)
                try:
                    for entry in os.listdir(current):
                        if not stat.S_ISDIR(os.stat(entry, dir_fd=current, follow_symlinks=False).st_mode):
                            os.unlink(entry, dir_fd=current)
                            continue
                        # Beside the first, each can be reached by name, and no descriptor is held on the way down.
                        number += 1
                        left.append(f"{first}.{number}")
                        os.close(_opened(entry, current))
                        os.rename(entry, left[-1], src_dir_fd=current, dst_dir_fd=parent)
                finally:
                    os.close(current)
                os.rmdir(name, dir_fd=parent)
    finally:
        os.close(parent)


def _opened(name: str, parent: int) -> int:
    """Open a folder, whatever its mode, and let it be changed."""
    try:
        fd = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        fd = os.open(name, _FOLDER, dir_fd=parent)
    os.fchmod(fd, 0o700)
    return fd


def is_too_full(folder: str, most: int) -> bool:
    """Say whether a folder that is in use holds more than ``most`` bytes, or something whose size can't be known."""
    try:
        return _size(folder, None, most, _DEEPEST) > most
    except PermissionError:
        return True


def _size(name: str, parent: int | None, most: int, deepest: int) -> int:
    """Return the bytes below the folder ``name`` of the folder ``parent``; counting ends above ``most``."""
    if deepest == 0:
        return most + 1
    total = 0
    folder = os.open(name, _FOLDER, dir_fd=parent)
    try:
        for entry in os.listdir(folder):
            try:
                about = os.stat(entry, dir_fd=folder, follow_symlinks=False)
                total += _ENTRY_BYTES + about.st_blocks * 512
                if stat.S_ISDIR(about.st_mode):
                    total += _size(entry, folder, most - total, deepest - 1)
            except (FileNotFoundError, NotADirectoryError):  # moved under way
                continue
            if total > most:
                break
    finally:
        os.close(folder)
    return total
