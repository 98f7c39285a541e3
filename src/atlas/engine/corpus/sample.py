"""A bounded sample of source code: no copies, every language as much as there is of it, and a part held out.

Copies are found by lines: a file is one of another if most runs of five lines in it were seen before (a simple form
of the shingles of Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from atlas.engine.corpus.files import read_source, source_files
from atlas.errors import UsageError

_RUN = 5
"""Lines of a run."""
_COPIED = 0.5
"""Share of runs seen before at which a file is a copy."""
_PIECE = 8 << 10
"""Characters taken of one file at most, so that many files are seen."""
_HELD_OUT = 5
"""One file of this many is held out."""
_FEWEST = 2000
"""Characters below which a sample says nothing."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The text, the characters of each language in it, the files it was taken from, and why others were left out."""

    text: str
    languages: Mapping[str, int]
    files: tuple[Path, ...]
    skipped: Mapping[str, int]


@dataclass(slots=True)
class _Seen:
    """What was read: hashes of texts and of runs of lines."""

    texts: set[bytes] = field(default_factory=set[bytes])
    runs: set[int] = field(default_factory=set[int])

    def copied(self, text: str) -> bool:
        """Whether the text is a copy of earlier ones; it is remembered."""
        lines = [stripped for line in text.splitlines() if (stripped := line.strip())]
        digest = hashlib.sha256("\n".join(lines).encode()).digest()
        runs = {hash(tuple(lines[i : i + _RUN])) for i in range(max(1, len(lines) - _RUN + 1))}
        again = digest in self.texts or len(runs & self.runs) >= _COPIED * len(runs)
        self.texts.add(digest)
        self.runs |= runs
        return again


def collect(folders: Sequence[Path], most: int, *, held_out: bool) -> Corpus:
    """Sample the source files of ``folders``.

    Args:
        folders: directories of source code, or single files.
        most: characters of the sample.
        held_out: take only the files that are never calibrated with; False: only the others.

    Raises:
        UsageError: a folder is missing, or there is too little code.
    """
    skipped: Counter[str] = Counter()
    texts: dict[str, list[tuple[Path, str]]] = {}
    seen = _Seen()
    for folder in folders:
        if not folder.exists():
            raise UsageError(f"There is no folder {folder}: name one with source code in it.")
        own = [(folder, "text")] if folder.is_file() else source_files(folder)
        for path, language in own:
            text, reason = read_source(path)
            if not reason and seen.copied(text):
                reason = "a copy of another"
            if reason:
                skipped[reason] += 1
            elif folder.is_file() or _is_held_out(text) == held_out:
                texts.setdefault(language, []).append((path, text))
    chosen = _sample(texts, most)
    text = "\n\n".join(piece for _, _, piece in chosen)
    if len(text) < _FEWEST:
        what = "held-out " if held_out else ""
        places = ", ".join(map(str, folders[:3]))
        raise UsageError(f"There is too little {what}source code in {places}: {len(text)} characters of {_FEWEST}.")
    languages: Counter[str] = Counter()
    for language, _, piece in chosen:
        languages[language] += len(piece)
    return Corpus(text, languages, tuple(path for _, path, _ in chosen), skipped)


def _is_held_out(text: str) -> bool:
    """By the text alone: the same file is on the same side wherever it lies."""
    return hashlib.sha256(text.encode()).digest()[0] % _HELD_OUT == 0


def _sample(texts: Mapping[str, Sequence[tuple[Path, str]]], most: int) -> list[tuple[str, Path, str]]:
    """The same number of characters of each language; what one lacks, the others get. Language, file and piece."""
    left, chosen = most, list[tuple[str, Path, str]]()
    scarce_first = sorted(texts, key=lambda language: (sum(len(text) for _, text in texts[language]), language))
    for i, language in enumerate(scarce_first):
        share = left // (len(scarce_first) - i)
        pieces = [(path, _piece(text)) for path, text in texts[language]]
        Random(language).shuffle(pieces)
        for path, piece in pieces:
            if share < len(piece):
                break
            chosen.append((language, path, piece))
            share, left = share - len(piece), left - len(piece)
    Random(0).shuffle(chosen)
    return chosen


def _piece(text: str) -> str:
    """A part of a long file, from the beginning of a line."""
    if len(text) <= _PIECE:
        return text.strip("\n")
    start = Random(len(text)).randrange(len(text) - _PIECE)
    return text[start : start + _PIECE].partition("\n")[2].rpartition("\n")[0]
