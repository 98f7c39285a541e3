"""Files that a caller puts into a program's scratch folder, and those that are handed back of what it left there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from atlas.sandbox.box import bundle

_MOST_BYTES = 32 << 20
_MOST_FILES = 500
"""Half of what a scratch folder holds: the program is to have room as well."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """The ``files`` that the folder begins with, by path in it; with ``keep`` those that are left are handed back."""

    files: Mapping[str, bytes]
    keep: bool

    def __post_init__(self) -> None:
        """Refuse files that could not be put there.

        Raises:
            ValueError: a path that is no path in a folder (or hidden, or deep), a path that is a file's and a
            folder's, or more than there is room for.
        """
        folders = _check(self.files)
        if len(self.files) + len(folders) > _MOST_FILES or sum(map(len, self.files.values())) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB for a scratch folder")

    def bundle(self) -> bytes:
        """Return the files in one piece."""
        return bundle.made(self.files.items())

    def beside(self, others: bytes) -> Mapping[str, bytes]:
        """Return the files, and those of the bundle ``others`` that will be in the folder as well.

        Raises:
            ValueError: two have the same path, or one's is a folder of another's.
        """
        there = bundle.files_of(others)
        if clash := there.keys() & self.files.keys():
            raise ValueError(f"{min(clash)!r} is the program's own file in the scratch folder: use another name")
        _check([*self.files, *there])
        return {**self.files, **there}


def _check(names: Iterable[str]) -> set[str]:
    """Return the folders of files by these names.

    Raises:
        ValueError: they could not be put into a folder.
    """
    files = set(names)
    folders = {name[:at] for name in files for at, character in enumerate(name) if character == "/"}
    for name in sorted(files):
        if not bundle.proper(name):
            raise ValueError(f"{name!r} is no name for a file in a scratch folder")
        if name in folders:
            raise ValueError(f"{name!r} cannot be a file and a folder in a scratch folder")
    return folders


def changed(left: bytes, before: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of the bundle ``left`` that were not there ``before``, or not like that."""
    return {name: data for name, data in bundle.files_of(left).items() if before.get(name) != data}


def save(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files below ``folder``, over nothing that is there.

    Raises:
        OSError: one is there already, or can't be written.
    """
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
