"""Files in one piece of bytes, to go in and out of a box through a descriptor.

What comes out was written by a program or by a compiler at work on it: packing follows no link, takes plain files
only, and is done when nothing in the box runs any more. Names are checked again when a bundle is unpacked.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator

_HEAD = struct.Struct("<HQ")  # length of the name, length of the data
_CHUNK = 1 << 20
_MODE = 0o755
"""Of every file: which of them a program executes is its own affair, and a linker may not have been able to say."""
_MOST_FILES = 4096


def made(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a bundle of files: names relative to where they will be unpacked, and data."""
    return b"".join(_HEAD.pack(len(name.encode()), len(data)) + name.encode() + data for name, data in files)


def pack(root: str, name: str, target: int, limit: int) -> bool:
    """Write ``name`` under ``root``, a file or a folder's contents, to the descriptor ``target``.

    A file keeps its name; files of a folder are named from there. False if there is nothing to pack.

    Raises:
        OSError: more than ``limit`` bytes or too many files.
    """
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        count, size = 0, 0
        for file, folder, leaf in _found(top, name):
            count, size = count + 1, size + _pack_one(file, folder, leaf, target, limit - size)
            if count > _MOST_FILES:
                raise OSError("too many files were made")
        return count > 0
    finally:
        os.close(top)


def _found(top: int, name: str) -> Iterator[tuple[str, int, str]]:
    """Yield the bundle name, the folder's descriptor and the file name of each plain file."""
    try:
        kind = os.stat(name, dir_fd=top, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(kind):
        yield os.path.basename(name), top, name
    elif stat.S_ISDIR(kind):
        for folder, _, leaves, fd in os.fwalk(name, dir_fd=top, follow_symlinks=False):
            for leaf in leaves:
                if stat.S_ISREG(os.stat(leaf, dir_fd=fd, follow_symlinks=False).st_mode):
                    yield os.path.relpath(os.path.join(folder, leaf), name), fd, leaf


def _pack_one(name: str, folder: int, leaf: str, target: int, left: int) -> int:
    encoded = os.fsencode(name)
    with open(os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
        size = todo = os.fstat(file.fileno()).st_size
        if size > left:
            raise OSError("the files made are too large")
        _write(target, _HEAD.pack(len(encoded), size) + encoded)
        while todo:
            data = file.read(min(_CHUNK, todo))
            _write(target, data)
            todo -= len(data)
        return size


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def unpack(source: int, root: str, owner: int | None) -> None:
    """Write the files of the bundle ``source`` below ``root``, for the user ``owner`` if given.

    Raises:
        OSError: the bundle is damaged, or there is no room.
    """
    os.lseek(source, 0, os.SEEK_SET)
    with open(source, "rb", closefd=False) as bundle:
        while head := bundle.read(_HEAD.size):
            length, size = _HEAD.unpack(head)
            path = _below(root, os.fsdecode(bundle.read(length)), owner)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
            try:
                while size:
                    data = bundle.read(min(_CHUNK, size))
                    if not data:
                        raise OSError("a bundle is cut short")
                    _write(fd, data)
                    size -= len(data)
                if owner is not None:
                    os.fchown(fd, owner, owner)
            finally:
                os.close(fd)


def _below(root: str, name: str, owner: int | None) -> str:
    """Return the path of ``name`` below ``root``, its folders made."""
    parts = name.split("/")
    if not all(part and part not in {".", ".."} for part in parts):
        raise OSError("a bundle names a file outside")
    folder = root
    for part in parts[:-1]:
        folder = f"{folder}/{part}"
        if not os.path.isdir(folder):
            os.mkdir(folder)
            if owner is not None:
                os.chown(folder, owner, owner)
    return f"{folder}/{parts[-1]}"
