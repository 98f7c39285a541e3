"""Perplexity by position: of the second half of pieces of doubling length, for each type of cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from atlas.engine.tools.perplexity import Setting, perplexity

Told = Callable[[str, int, int], None]
"""Told the piece's length and cache in words, and how many pieces of how many are done."""

_SHORTEST = 256


@dataclass(frozen=True, slots=True)
class Position:
    """Perplexity and its standard error at the tokens from ``begin`` to ``end`` with that cache."""

    begin: int
    end: int
    cache: str
    perplexity: tuple[float, float]


def lengths(context: int) -> tuple[int, ...]:
    """Doubling lengths of pieces up to ``context``."""
    found = [_SHORTEST]
    while 2 * found[-1] <= context:
        found.append(2 * found[-1])
    return tuple(length for length in found if length <= context) or (context,)


def by_position(
    model: Path, text: str, context: int, caches: Sequence[str], threads: int, told: Told = lambda what, done, of: None
) -> tuple[Position, ...]:
    """Measure ``model`` on ``text`` up to ``context`` tokens; lengths for which the text is too short are left out.

    Raises:
        UsageError: the tool is missing, or the text too short for any length.
        EngineError: the tool fails, for example because it refuses a cache of that type.
    """
    rows: list[Position] = []
    with TemporaryDirectory(prefix="atlas-tune-") as folder:
        source = Path(folder) / "code.txt"
        source.write_text(text)
        for length in lengths(context):
            # A token has at most a few characters; with fewer than two pieces the tool refuses.
            if rows and len(text) < 8 * length:
                break
            for cache in caches:
                what = f"{length} tokens, {cache}"
                found = perplexity(
                    model, source, Setting(threads, length, cache), lambda done, of, what=what: told(what, done, of)
                )
                rows.append(Position(length // 2, length, cache, found))
    return tuple(rows)
