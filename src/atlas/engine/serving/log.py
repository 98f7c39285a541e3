"""A log that never fills the disk: lines with their time, and one older file of the same size beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

NAME = "log"
_OLDER = "log.1"
_MOST_BYTES = 4 << 20
_PAUSE_S = 0.2


class BoundedLog:
    """Writes to ``folder``; at most twice ``most_bytes`` are kept."""

    def __init__(self, folder: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._file = (folder / NAME).open("a", encoding="utf-8", buffering=1)
        self._size = self._file.tell()

    def write(self, line: str) -> None:
        """Add a line; what would command a terminal is left out. A full disk costs lines, and no server."""
        shown = "".join(c for c in line.replace("\t", " ") if c.isprintable())
        text = f"{datetime.now().isoformat(sep=' ', timespec='seconds')} {shown}\n"
        with suppress(OSError):
            if self._size + len(text) > self._most_bytes:
                self._turn()
            self._file.write(text)
            self._size += len(text)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # what a full disk has not taken
            self._file.close()

    def _turn(self) -> None:
        self._file.close()
        (self._folder / NAME).replace(self._folder / _OLDER)
        self._file, self._size = (self._folder / NAME).open("a", encoding="utf-8", buffering=1), 0


def tail(folder: Path, lines: int) -> list[str]:
    """The last lines that are kept, without their line ends."""
    text = _text(folder / _OLDER) + _text(folder / NAME)
    return _last(text.split("\n")[:-1], lines)


def follow(folder: Path, lives: Callable[[], bool], lines: int) -> Iterator[str]:
    """The last lines, then each that comes, as long as its writer ``lives``."""
    try:
        file = (folder / NAME).open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    *first, rest = (_text(folder / _OLDER) + file.read()).split("\n")
    yield from _last(first, lines)
    try:
        while True:
            living = lives()  # asked first, so that what was written before the end is read
            *whole, rest = (rest + file.read()).split("\n")
            yield from whole
            if whole:
                continue
            if not living:
                return
            newer = _turned(file, folder / NAME)
            if newer is not None:
                file.close()
                file = newer
            else:
                time.sleep(_PAUSE_S)
    finally:
        file.close()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:  # nothing was written yet, or it never grew that long
        return ""


def _last(lines: list[str], count: int) -> list[str]:
    return lines[-count:] if count else []


def _turned(file: TextIO, path: Path) -> TextIO | None:
    """The file that has taken the place of ``file``, if one has."""
    try:
        newer = path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    if Path(f"/dev/fd/{newer.fileno()}").samefile(f"/dev/fd/{file.fileno()}"):
        newer.close()
        return None
    return newer
