"""The command as a process, from the end-to-end tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "e2e")]

from atlas_command import Atlas  # noqa: E402
from e2e_statements import EASY  # noqa: E402


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    return Atlas(tmp_path)


@pytest.fixture
def easy(atlas: Atlas) -> Path:
    file = atlas.cwd / "easy.txt"
    file.write_text(EASY)
    return file
