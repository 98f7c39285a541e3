"""What a fresh interpreter runs first inside bubblewrap, as text (``python -c``): it makes our modules known.

They come through a descriptor, and so no file of ours is in the box.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

PACKAGES = ("atlas", "atlas.compare", "atlas.sandbox", "atlas.sandbox.box")


class _Told(MetaPathFinder, ExecutionLoader):
    """Finds modules among those it was told: name -> path and source."""

    def __init__(self, modules: dict[str, tuple[str, str]]) -> None:
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname in self._modules else None

    def is_package(self, fullname: str) -> bool:
        return fullname in PACKAGES

    def get_filename(self, fullname: str) -> str:
        return self._modules[fullname][0]

    def get_source(self, fullname: str) -> str:
        return self._modules[fullname][1]


def main(fd: int) -> None:
    """Do as the descriptor ``fd`` says: serve as a zygote (see ``bubblewrap.serve``)."""
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, encoding="utf-8") as file:
        told = json.load(file)
    finder = _Told(told.pop("modules"))
    sys.meta_path.insert(0, finder)
    importlib.import_module("atlas.sandbox.box.preload").load()
    serve = importlib.import_module("atlas.sandbox.box.bubblewrap").serve
    sys.meta_path.remove(finder)
    serve(**told)


if __name__ == "__main__":
    main(int(sys.argv[1]))
