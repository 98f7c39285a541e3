"""The user's own repositories: folders with a ``.git`` below the home directory. They are found, not opened."""

from __future__ import annotations

import os
from pathlib import Path

_DEEPEST = 3
_MOST = 50
_MOST_FOLDERS = 20_000
_ELSEWHERE = {"node_modules", "snap", "Library", "go", "Downloads", "site-packages"}


def repositories(home: Path) -> tuple[Path, ...]:
    """Up to 50 repositories within three levels, none within another, in the order of their names."""
    found: list[Path] = []
    for looked, (place, folders, _) in enumerate(os.walk(home), 1):
        here = Path(place)
        if (here / ".git").exists():
            found.append(here)
            folders.clear()
        elif len(here.relative_to(home).parts) >= _DEEPEST:
            folders.clear()
        else:
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _ELSEWHERE)
        if looked == _MOST_FOLDERS or len(found) == _MOST:
            break
    return tuple(found)
