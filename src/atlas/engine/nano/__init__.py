"""The model that ships inside the package: a test vehicle that knows one small world (see ``CARD.md``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from atlas.errors import EngineError

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Recommended:
    """Sampling and sizes that suit the shipped model, from its evaluation (``recommended.json``)."""

    temperature: float
    top_p: float
    max_tokens: int
    context: int


def model_path() -> Path:
    """Where the shipped GGUF lies.

    Raises:
        EngineError: this installation has none.
    """
    return _part("nano.gguf")


def draft_path() -> Path:
    """Where the small model lies that shares the shipped one's tokenizer and can guess ahead for it.

    Raises:
        EngineError: this installation has none.
    """
    return _part("nano-draft.gguf")


def recommended() -> Recommended:
    """The shipped model's recommended settings."""
    return Recommended(**json.loads((_FOLDER / "recommended.json").read_text()))


def _part(name: str) -> Path:
    path = _FOLDER / name
    if not path.is_file():
        raise EngineError(f"{name} is missing from this installation: reinstall atlas-solver, or pass --model")
    return path
