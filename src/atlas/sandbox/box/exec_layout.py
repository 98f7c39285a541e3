"""Which files of the system a compiler or a runtime needs; the rest of the disk does not exist for it."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from atlas.sandbox.box.landlock import Access

_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/etc/alternatives")
_SETTINGS = "/etc/java*"
"""A packaged Java has its settings there, with links to them from its own folder."""
_HIDDEN = ("/usr/lib/python3*/*-packages", "/usr/local/lib/python3*/*-packages", "/usr/src")
"""Packages of the user's environment are not for programs (a benchmark's answers may be among them)."""
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""This package, suites and answer keys and all, wherever it was installed."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_LOADER_CACHE = "/etc/ld.so.cache"

SCRATCH, KIT, PROC = "/box", "/kit", "/proc"
"""Folders that only a root of our own has: the writable one, files that every program may read, processes."""


@dataclass(frozen=True)
class ExecLayout:
    """Absolute paths that the box shows, read-only, beside those of the system: toolchains that lie elsewhere."""

    toolchains: tuple[str, ...]

    def paths(self) -> list[str]:
        """Return the folders and files to mount, no symlinks, none inside another."""
        system = [p for p in (*_FOLDERS, *glob.glob(_SETTINGS), _LOADER_CACHE) if os.path.exists(p)]
        wanted = sorted({p for p in (*system, *self.toolchains) if not os.path.islink(p)})
        return [p for p in wanted if not any(p != q and p.startswith(q + "/") for q in wanted)]

    @staticmethod
    def links() -> list[str]:
        """Return the system's folders that are symlinks (``/bin`` and its like)."""
        return [folder for folder in _FOLDERS if os.path.islink(folder)]

    def hidden(self) -> list[str]:
        """Return folders below ``paths`` that must not be seen, none inside another."""
        found = [path for pattern in _HIDDEN for path in glob.glob(pattern) if os.path.isdir(path)]
        shown = any(_OURS.startswith(path + "/") for path in self.paths())
        return found if not shown or any(_OURS.startswith(path + "/") for path in found) else [*found, _OURS]

    def rules(self, tier: str) -> list[tuple[str, Access]]:
        """Return what Landlock is to allow in a box of ``tier``, beside a scratch folder and ``PROC``."""
        devices: list[tuple[str, Access]] = [(device, "write") for device in DEVICES]
        if tier in {"userns", "root"}:  # a root that shows nothing else
            return [("/", "run"), *devices]
        if tier == "bubblewrap":  # one in which the zygote's interpreter and processes are as well
            return [*((path, "run") for path in (*self.paths(), KIT)), *devices]
        hidden = self.hidden()
        return [*((path, "run") for top in self.paths() for path in _around(top, hidden)), *devices]


def _around(top: str, hidden: Iterable[str]) -> Iterator[str]:
    """Yield paths that together hold all below ``top`` but ``hidden``."""
    if not any(path == top or path.startswith(top + "/") for path in hidden):
        yield top
    elif top not in hidden:
        for entry in os.scandir(top):
            if not entry.is_symlink():
                yield from _around(entry.path, hidden)
