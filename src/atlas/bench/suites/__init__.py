"""The benchmarks that can be imported: one file each, looked up by name and loaded when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from atlas.errors import UsageError


class Importer(Protocol):
    """Reads a benchmark's own file and writes the two stores of a suite of that name."""

    def __call__(self, data: Path, name: str) -> int:
        """Import the file ``data`` as the user's suite ``name``; return the number of problems.

        Raises:
            UsageError: the file is absent or not of this format; the sentence names file and line.
        """
        ...


IMPORTERS: Mapping[str, str] = MappingProxyType({"humaneval": "atlas.bench.suites.humaneval"})
"""Benchmark -> module with an ``import_file`` function."""


def importer(benchmark: str) -> Importer:
    """The importer of a benchmark.

    Raises:
        UsageError: there is none of that name.
    """
    module = IMPORTERS.get(benchmark)
    if module is None:
        raise UsageError(f"No importer for {benchmark!r}; there is one for: {', '.join(sorted(IMPORTERS))}.")
    return cast(Importer, import_module(module).import_file)
