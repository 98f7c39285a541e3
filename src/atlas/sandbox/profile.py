"""What a program may import beside the standard library: the packages of a virtual environment, read-only."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from atlas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Profile:
    """``packages`` are folders that programs import from, ``preload`` modules that every program finds warm.

    A folder is shown as it is, with all below it, but for a package called like ours. Preloading imports a module
    before there is any program, and once with the rights of this process, to see what it is linked with: name what you
    trust.
    """

    name: str = "standard"
    packages: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()

    @classmethod
    def of_environment(cls, folder: Path, *, preload: tuple[str, ...] = (), name: str | None = None) -> Profile:
        """The profile of the virtual environment in ``folder``; its name is the folder's.

        Raises:
            UsageError: there is none, or it is of another Python than this one: programs run in this one.
        """
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        if not (folder / "pyvenv.cfg").is_file():
            raise UsageError(f"{folder} is no virtual environment: make one with `{version} -m venv {folder}`.")
        packages = folder.resolve() / "lib" / version / "site-packages"
        if not packages.is_dir():
            raise UsageError(f"The environment {folder} is not of {version}: make it anew with that Python.")
        return cls(name or folder.resolve().name, (str(packages),), preload)


STANDARD = Profile()
