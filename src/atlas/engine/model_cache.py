"""Where downloaded models lie: ``<root>/<owner>/<repository>/<file>.gguf``, and beside it what is not whole yet.

A file has its name only when its hash has been checked. ``<root>`` is ``$ATLAS_HOME/models`` or
``~/.local/share/atlas/models``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from atlas.errors import UsageError

PARTIAL = ".part"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One file of the cache. ``size`` is what it has, in bytes; one that is not ``whole`` can be resumed."""

    repository: str
    path: Path
    size: int
    whole: bool

    @property
    def name(self) -> str:
        """The file's name when it is whole."""
        return self.path.name.removesuffix(PARTIAL)


def home() -> Path:
    """The folder of all that is kept: ``$ATLAS_HOME`` or ``~/.local/share/atlas``."""
    named = os.environ.get("ATLAS_HOME")
    return Path(named).resolve() if named else Path.home() / ".local" / "share" / "atlas"


def root() -> Path:
    """The folder of all downloaded models."""
    return home() / "models"


def local_models(folder: Path | None = None) -> tuple[LocalModel, ...]:
    """Everything in the cache, by repository and name."""
    base = root() if folder is None else folder
    found = [*base.glob("*/*/*.gguf"), *base.glob(f"*/*/*.gguf{PARTIAL}")]
    return tuple(
        LocalModel("/".join(path.relative_to(base).parts[:2]), path, path.stat().st_size, path.suffix != PARTIAL)
        for path in sorted(found)
        if path.is_file() and not path.is_symlink()
    )


def local_file(repository: str, quantization: str) -> Path | None:
    """The whole file of a repository at that quantization, or its first part; None where it was not downloaded."""
    pattern = re.compile(rf"(?:^|[-._]){re.escape(quantization)}(?:[-.]|$)", re.IGNORECASE)
    for model in local_models():
        if model.whole and model.repository == repository and pattern.search(model.name.removesuffix(".gguf")):
            return model.path
    return None


def remove(wanted: str, folder: Path | None = None) -> tuple[LocalModel, ...]:
    """Delete what ``wanted`` names: a file name, a repository, or ``repository:quantization``; what was deleted.

    Raises:
        UsageError: it names nothing that is there.
    """
    repository, _, quantization = wanted.partition(":")
    pattern = re.compile(rf"(?:^|[-._]){re.escape(quantization)}(?:[-.]|$)", re.IGNORECASE)
    chosen = tuple(
        model
        for model in local_models(folder)
        if wanted == model.name
        or (model.repository == repository and (not quantization or pattern.search(model.name.removesuffix(".gguf"))))
    )
    if not chosen:
        raise UsageError(f"No downloaded model is called {wanted[:120]!r}: `atlas models --local` lists them.")
    for model in chosen:
        model.path.unlink(missing_ok=True)
        for parent in (model.path.parent, model.path.parent.parent):
            if not any(parent.iterdir()):
                parent.rmdir()
    return chosen
