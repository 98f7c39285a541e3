"""Files in one piece of bytes, to go in and out of a box through a descriptor.

What comes out was written by a program or by a compiler at work on it: packing follows no link, takes plain files with
harmless names only, and is done when nothing in the box runs any more. Names are checked again when a bundle is read.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress

_HEAD = struct.Struct("<HQ")  # length of the name, length of the data
_CHUNK = 1 << 20
_MODE = 0o755
"""Of every file: which of them a program executes is its own affair, and a linker may not have been able to say."""

MOST_FILES = 1000
MOST_FOLDERS = 8
"""One inside another. Their names, as long as names can be, still make a path that the kernel takes."""


def proper(name: str) -> bool:
    """Whether a file of a bundle may have this name: a relative path, not deep, nothing of it hidden or unprintable.

    A hidden file can be more than data to what comes upon it (``.git``, ``.envrc``), or is a tool's own (``.cache``);
    a name that begins with a dash is an option to many.
    """
    parts = name.split("/")
    return len(parts) <= MOST_FOLDERS + 1 and all(_proper_part(part) for part in parts)


def _proper_part(part: str) -> bool:
    return part.isprintable() and not part.startswith((".", "-")) and 0 < len(part.encode()) <= 255


def made(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a bundle of files: names relative to where they will be unpacked, and data."""
    return b"".join(_HEAD.pack(len(name.encode()), len(data)) + name.encode() + data for name, data in files)


def files_of(bundle: bytes) -> dict[str, bytes]:
    """Return the files of a bundle by name; those with a name that is not ``proper`` are left out."""
    files: dict[str, bytes] = {}
    at = 0
    while at < len(bundle):
        length, size = _HEAD.unpack_from(bundle, at)
        data = at + _HEAD.size + length
        files[bundle[at + _HEAD.size : data].decode("utf-8", "surrogateescape")] = bundle[data : data + size]
        at = data + size
    return {name: data for name, data in files.items() if proper(name)}


def pack(root: str, name: str, target: int, limit: int) -> tuple[int, int]:
    """Write ``name`` under ``root``, a file or a folder's contents, to the descriptor ``target``.

    A file keeps its name; files of a folder are named from there. Return how many were written and how many entries
    were left out: links, devices, pipes and sockets; names that are not ``proper``, with all below them; and files that
    are more than ``MOST_FILES``, or with those before them more than ``limit`` bytes.

    Raises:
        OSError: a file can't be read, or there is no room for the bundle.
    """
    packed = left_out = 0
    for file, path in _found(f"{root}/{name}"):
        size = _pack_one(file, path, target, limit) if path is not None and packed < MOST_FILES else None
        if size is None:
            left_out += 1
        else:
            packed, limit = packed + 1, limit - size
    return packed, left_out


def _found(top: str) -> Iterator[tuple[str, str | None]]:
    """Yield the name and path of each plain file, and None for the path of what else there is."""
    try:
        kind = os.lstat(top).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(kind):
        yield os.path.basename(top), top
    folders = [(top, "")] if stat.S_ISDIR(kind) else []
    while folders:
        folder, prefix = folders.pop()
        for leaf in sorted(_listed(folder)):
            name, path = prefix + leaf, f"{folder}/{leaf}"
            kind = os.lstat(path).st_mode
            if proper(name) and stat.S_ISREG(kind):
                yield name, path
            elif proper(name) and stat.S_ISDIR(kind):
                folders.append((path, f"{name}/"))
            else:
                yield name, None


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except PermissionError:  # the program's own doing, to a folder of its own
        os.chmod(folder, 0o700)
        return os.listdir(folder)


def _pack_one(name: str, path: str, target: int, limit: int) -> int | None:
    """Write one file; return its size, None if that is more than ``limit``."""
    encoded = name.encode()
    with open(_opened(path), "rb") as file:
        size = todo = os.fstat(file.fileno()).st_size
        if size > limit:
            return None
        _write(target, _HEAD.pack(len(encoded), size) + encoded)
        while todo:
            data = file.read(min(_CHUNK, todo))
            _write(target, data)
            todo -= len(data)
        return size


def _opened(path: str) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(PermissionError):
        return os.open(path, flags)
    os.chmod(path, 0o600)
    return os.open(path, flags)


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
