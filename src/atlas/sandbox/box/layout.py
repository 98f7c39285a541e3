"""Which files of this interpreter a program needs: found by looking, not by knowing distributions."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass

from atlas.sandbox.box.landlock import Access

_HIDDEN = {"site-packages", "dist-packages", "test", "ensurepip", "idlelib", "lib2to3"}
"""Packages of the user's environment are not for programs (a benchmark's answers may be among them)."""

_OURS = "atlas"
"""In a profile's packages: with it come suites, and their answer keys."""

_LOADER_CACHE = "/etc/ld.so.cache"
NULL = "/dev/null"


@dataclass(frozen=True)
class Layout:
    """Absolute paths that the box shows, read-only."""

    library: tuple[str, ...]
    """Folders of the standard library (``sys.path``)."""
    shared_objects: tuple[str, ...]
    """Files that its extension modules are linked with."""
    packages: tuple[str, ...] = ()
    """Folders of the profile's packages, shown whole."""
    preload: tuple[str, ...] = ()
    """Modules that every program is to find warm."""

    def scratch(self) -> str:
        """Return where the writable folder is mounted: never over the library, wherever that was installed."""
        return "/scratch" if any(path.startswith("/tmp/") for path in self.folders()) else "/tmp"

    def folders(self) -> list[str]:
        """Return the folders to mount, none inside another."""
        wanted = sorted({*self.library, *self.packages, *map(os.path.dirname, self.shared_objects)})
        return [p for p in wanted if not any(p != q and p.startswith(q + "/") for q in wanted)]

    def hidden(self) -> list[str]:
        """Return folders below ``folders`` that must not be seen.

        A library may lie inside a folder that is mounted for a shared object (``lib/libpython3.so`` beside
        ``lib/python3``), so both are looked through.
        """
        shown = (*self.library, *self.packages)
        return [
            entry.path
            for folder in sorted({*self.folders(), *self.library} - {*self.packages})
            for entry in os.scandir(folder)
            if entry.is_dir() and (entry.name in _HIDDEN or entry.name.startswith("python3"))
            if not any(p == entry.path or p.startswith(entry.path + "/") for p in shown)
        ] + [f"{folder}/{_OURS}" for folder in self.packages if os.path.isdir(f"{folder}/{_OURS}")]

    def rules(self, *, mounted: bool) -> list[tuple[str, Access]]:
        """Return what Landlock is to allow; ``mounted``: in a root that shows nothing else, with a scratch folder.

        Each rule is copied for each process, so the fewer the better: without a root of our own, the user's packages
        beside the library can only be left out by naming all the rest.
        """
        rules: list[tuple[str, Access]] = [(NULL, "write"), (_LOADER_CACHE, "read")]
        if mounted:
            rules.extend((folder, "read") for folder in self.folders())
            rules.append((self.scratch(), "write"))
            return rules
        for folder in (*self.library, *self.packages):
            hidden = {_OURS} if folder in self.packages else _HIDDEN
            rules.append((folder, "list"))
            rules.extend((entry.path, "read") for entry in os.scandir(folder) if entry.name not in hidden)
        # Packages are linked with more of the system's libraries than can be known before they are imported.
        rules.extend((os.path.dirname(p) if self.packages else p, "read") for p in self.shared_objects)
        return rules

    def files(self) -> list[str]:
        """Return single files to mount beside the folders."""
        return [path for path in (NULL, _LOADER_CACHE) if os.path.exists(path)]

    def readable_by_all(self) -> bool:
        """Say whether a user without rights of its own can reach the library."""
        for folder in (*self.library, *self.packages):
            path = folder
            while path != "/":
                if not os.stat(path).st_mode & 0o001:
                    return False
                path = os.path.dirname(path)
        return True


def discover(packages: tuple[str, ...] = (), preload: tuple[str, ...] = ()) -> Layout:
    """Look where this interpreter's library lies and what its extension modules are linked with.

    Of ``packages`` only what ``preload`` imports is looked at.
    """
    library = tuple(path for path in sys.path if os.path.isdir(path))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        # Importing is the only sure way to learn what an extension module is linked with; a process of its
        # own keeps all of that out of the zygotes.
        try:
            os.write(writer, "\n".join(_linked(library, packages, preload)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        names = pipe.read().split("\n")
    os.waitpid(pid, 0)
    return Layout(library, tuple(name for name in names if name), packages, preload)


def _linked(library: tuple[str, ...], packages: tuple[str, ...], preload: tuple[str, ...]) -> list[str]:
    for folder in library:
        for name in os.listdir(folder):
            module, dot, rest = name.partition(".")
            if dot and rest.endswith("so") and not module.startswith(("_test", "xx", "_xx", "_tkinter")):
                _try_import(module)
    sys.path.extend(packages)
    for module in preload:
        _try_import(module)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        mapped = {line.split(None, 5)[5].strip() for line in maps if "/" in line}
    return sorted(p for p in mapped if ".so" in os.path.basename(p) and not p.startswith((*library, *packages)))


def _try_import(module: str) -> bool:
    """Import for the libraries that it loads; a module that is broken here is broken for programs as well."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True
