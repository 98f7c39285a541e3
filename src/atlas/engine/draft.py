"""May this model draft for that one? Speculative decoding needs one vocabulary, and llama.cpp does not insist on it.

A draft of another vocabulary loads without a word; its guesses are then other words than meant, and each is refused.
"""

from __future__ import annotations

from pathlib import Path

from atlas.engine.gguf_check import ModelFile, check
from atlas.engine.gguf_reader import Malformed, read_header, read_texts
from atlas.errors import UsageError

_PADDING = 128
"""Tokens by which two vocabularies may differ in length: families pad theirs to different multiples."""


def check_draft(model: ModelFile, path: Path) -> ModelFile:
    """Check that ``path`` holds a whole, smaller model with the tokens of ``model``.

    Raises:
        UsageError: it does not.
    """
    draft = check(path)
    if draft.size_bytes >= model.size_bytes:
        raise UsageError(f"{path.name} is no smaller than {model.path.name}: a draft model must be, to save time.")
    if not same_vocabulary(model.path, path):
        raise UsageError(
            f"{path.name} has another vocabulary than {model.path.name}: a draft model must be of the same family."
        )
    return draft


def same_vocabulary(model: Path, other: Path) -> bool:
    """Whether two files have the same tokens, but for padding at the end.

    Raises:
        UsageError: one of them is no GGUF file.
    """
    wanted, given = _tokens(model), _tokens(other)
    shared = min(len(wanted), len(given))
    return abs(len(wanted) - len(given)) <= _PADDING and wanted[:shared] == given[:shared]


def _tokens(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            return read_texts(file, read_header(file), "tokenizer.ggml.tokens")
    except Malformed as e:
        raise UsageError(f"{path} {e}: give a complete GGUF model file.") from None
