"""Files that are in memory only, for what goes into a box and comes out of it. Nothing is ever on a disk."""

from __future__ import annotations

import os
from collections.abc import Iterable


class MemoryFiles:
    """Files with ``contents``, open until ``close``."""

    def __init__(self, contents: Iterable[bytes]) -> None:
        self.descriptors: list[int] = []
        self.make(contents)

    def make(self, contents: Iterable[bytes]) -> None:
        """Make one file more for each of ``contents``.

        Raises:
            OSError: one could not be made; then none is open.
        """
        try:
            for data in contents:
                fd = os.memfd_create("box", os.MFD_CLOEXEC)
                self.descriptors.append(fd)
                _fill(fd, data)
        except BaseException:
            self.close()
            raise

    def contents(self, fd: int) -> bytes:
        """Return all that is in one of the files."""
        return os.pread(fd, os.fstat(fd).st_size, 0)

    def close(self) -> None:
        """Close all; the memory goes with them."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def _fill(fd: int, data: bytes) -> None:
    # Beside the offset, which whoever is given the descriptor shares.
    done = 0
    while done < len(data):
        done += os.pwrite(fd, data[done:] if done else data, done)
