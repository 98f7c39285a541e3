"""What compilers made, kept: in memory, and in a folder if there is one.

An entry is a file: the SHA-256 of the data, then the data. It appears under its name at once or not at all, and one
that does not match its digest counts as absent, so a crash or a bad disk costs a compilation and never gives a wrong
program.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections import OrderedDict
from pathlib import Path

from atlas.errors import SandboxError

_ENTRY, _PART = ".bundle", ".bundle-part"
_DIGEST = hashlib.sha256().digest_size


class CompileCache:
    """Bytes by key; the least recently used go when there are more than ``memory`` or ``disk`` bytes.

    A folder serves several processes at once. ``faults`` counts entries that could not be written or were damaged.
    """

    def __init__(self, folder: Path | None, *, memory: int = 256 << 20, disk: int = 2 << 30) -> None:
        self.faults = 0
        self._folder = folder
        self._memory = memory
        self._disk = disk
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._held_bytes = 0
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SandboxError(f"The compile cache {folder} cannot be made ({error}); choose another.") from error
        self._written = self._disk  # so that the first entry looks at what earlier runs left

    def get(self, key: str) -> bytes | None:
        """Return the data under ``key``, None if there is none that is sound."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        data = self._read(key)
        if data is not None:
            self._hold(key, data)
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``."""
        self._hold(key, data)
        if self._folder is not None:
            try:
                self._write(self._folder, key, data)
            except OSError:
                self.faults += 1  # a full disk: the entry is in memory all the same

    def _hold(self, key: str, data: bytes) -> None:
        if len(data) > self._memory:
            return
        self._held_bytes += len(data) - len(self._held.pop(key, b""))
        self._held[key] = data
        while self._held_bytes > self._memory:
            self._held_bytes -= len(self._held.popitem(last=False)[1])

    def _read(self, key: str) -> bytes | None:
        if self._folder is None:
            return None
        path = self._folder / f"{key}{_ENTRY}"
        try:
            entry = path.read_bytes()
        except OSError:
            return None
        data = entry[_DIGEST:]
        if hashlib.sha256(data).digest() != entry[:_DIGEST]:
            self.faults += 1
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used just now
        return data

    def _write(self, folder: Path, key: str, data: bytes) -> None:
        fd, temporary = tempfile.mkstemp(suffix=_PART, dir=folder)
        try:
            with open(fd, "wb") as file:
                file.write(hashlib.sha256(data).digest())
                file.write(data)
            os.replace(temporary, folder / f"{key}{_ENTRY}")
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        self._written += len(data)
        if self._written > self._disk // 8:
            self._written = 0
            self._prune(folder)

    def _prune(self, folder: Path) -> None:
        """Remove the entries used longest ago until the folder is within its bound."""
        entries: list[tuple[float, int, str]] = []
        for entry in os.scandir(folder):
            if not entry.name.endswith((_ENTRY, _PART)):
                continue  # not ours
            with contextlib.suppress(OSError):  # another process removed it
                state = entry.stat(follow_symlinks=False)
                entries.append((state.st_mtime, state.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self._disk:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size
