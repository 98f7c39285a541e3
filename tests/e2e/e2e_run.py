"""What the tests of a finished run are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_command import Atlas


@dataclass(frozen=True)
class FinishedRun:
    """A run of two arms over six problems, by the real engine; read it, don't write to it."""

    atlas: Atlas
    folder: Path
    html: Path
    table: dict[str, Any]
    shown: str

    @property
    def id(self) -> str:
        return self.folder.name
