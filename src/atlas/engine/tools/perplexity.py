"""How well a model predicts a text, and how far another file of it strays: ``llama-perplexity``, run and read.

Perplexity is of the second half of each piece of the text. The divergence is the mean Kullback-Leibler divergence of
the next token's distribution from the reference's, in nats (llama.cpp, ``tools/perplexity/README.md``).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from atlas.engine.gguf_check import ModelFile
from atlas.engine.tools.find import find
from atlas.engine.tools.run import run
from atlas.errors import EngineError, UsageError

Told = Callable[[int, int], None]
"""Told how many pieces of how many are done."""

Found = TypeVar("Found")

CONTEXT = 512
"""Tokens of a piece: what published figures use."""
_SPARE = 1 << 30
_TRIES = 6
_NUMBER = r"(-?[\d.]+|-?nan|inf)"
_PERPLEXITY = re.compile(rf"Final estimate: PPL = {_NUMBER} \+/- {_NUMBER}")
_PIECES = re.compile(r"calculating perplexity over (\d+) chunks|computing over (\d+) chunks")
_PIECE = re.compile(r"\[(\d+)\]")
_ROW = re.compile(r"^ {1,3}(\d+) +[\d.]+ ±", re.MULTILINE)
_STATISTICS = {
    "perplexity": re.compile(rf"Mean PPL\(Q\) +: +{_NUMBER} ± +{_NUMBER}"),
    "divergence": re.compile(rf"Mean +KLD: +{_NUMBER} ± +{_NUMBER}"),
    "divergence_99": re.compile(rf"99\.0% +KLD: +{_NUMBER}"),
    "same_top": re.compile(rf"Same top p: +{_NUMBER} ± +{_NUMBER}"),
}


@dataclass(frozen=True, slots=True)
class Divergence:
    """One file against the reference: each a value and its standard error.

    ``divergence`` and its 99th percentile are nats a token; ``same_top`` is the share of tokens (0 to 1) at which both
    find the same one likeliest.
    """

    perplexity: tuple[float, float]
    divergence: tuple[float, float]
    divergence_99: float
    same_top: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Setting:
    """How a model is run: tokens of a piece, CPU threads, and the key-value cache's type."""

    threads: int
    context: int = CONTEXT
    cache: str = "f16"
    pieces: int | None = None
    """At most so many pieces of the text; None: all."""


def perplexity(
    model: Path, text: Path, setting: Setting, told: Told = lambda done, of: None, *, keep: Path | None = None
) -> tuple[float, float]:
    """Perplexity and its standard error.

    Args:
        model: a GGUF file.
        text: the text, in a file.
        setting: how the model is run.
        told: of the progress.
        keep: a file for the distributions, to compare others with.

    Raises:
        UsageError: the tool is missing, or the text too short for a piece.
        EngineError: it fails.
    """
    kept = ["--kl-divergence-base", str(keep)] if keep else []
    found = _run(model, ["-f", str(text), *kept], setting, told, _PERPLEXITY.search)
    return float(found[1]), float(found[2])


def divergence(model: Path, kept: Path, setting: Setting, told: Told = lambda done, of: None) -> Divergence:
    """How far ``model`` strays from the distributions in ``kept``, on the text that is in it.

    Raises:
        UsageError: the tool is missing.
        EngineError: it fails.
    """
    return _run(model, ["--kl-divergence-base", str(kept), "--kl-divergence"], setting, told, parse)


def parse(out: str) -> Divergence | None:
    """The figures from what ``llama-perplexity --kl-divergence`` prints, None where some are missing."""
    found = {name: pattern.search(out) for name, pattern in _STATISTICS.items()}
    values = {name: [float(group) for group in match.groups()] for name, match in found.items() if match}
    if len(values) < len(_STATISTICS):
        return None
    return Divergence(
        perplexity=(values["perplexity"][0], values["perplexity"][1]),
        divergence=(values["divergence"][0], values["divergence"][1]),
        divergence_99=values["divergence_99"][0],
        same_top=(values["same_top"][0] / 100, values["same_top"][1] / 100),
    )


def most_pieces(model: ModelFile, folder: Path, context: int = CONTEXT) -> int:
    """Pieces whose distributions fit on the disk: two bytes for each token of the vocabulary, half of each piece.

    Raises:
        UsageError: not even one does.
    """
    each = context // 2 * (2 * model.vocabulary + 16)
    free = shutil.disk_usage(folder).free - _SPARE
    if free < each:
        raise UsageError(f"{folder} has too little room for the distributions of {model.path.name}: set TMPDIR.")
    return free // each


def progress(told: Told) -> Callable[[str], None]:
    """Read from the tools' output how many pieces are done."""

    def heard(text: str) -> None:
        begun = _PIECES.search(text)
        if begun:
            behind = text[begun.end() :]
            done = _PIECE.findall(behind) or _ROW.findall(behind)
            told(int(done[-1]) if done else 0, int(begun[1] or begun[2]))

    return heard


def _run(model: Path, words: Sequence[str], setting: Setting, told: Told, read: Callable[[str], Found | None]) -> Found:
    """Run the tool until what it prints can be read.

    Its log is written by a thread that nobody waits for at the end (llama.cpp, issue 22142): on a busy machine the
    last lines, with the figures, are lost now and then.
    """
    tool = find("llama-perplexity")
    command = [str(tool.path), "-m", str(model), *words, "-c", str(setting.context), "-t", str(setting.threads)]
    # One piece at a time: the tool's own choice would take a context of four.
    command += ["-b", str(setting.context)]
    if setting.cache != "f16":
        command += ["-ctk", setting.cache, "-ctv", setting.cache, "-fa", "on"]
    if setting.pieces:
        command += ["--chunks", str(setting.pieces)]
    out = ""
    for _ in range(_TRIES):
        out = run(command, progress(told), what=f"Measuring {model.name}")
        if "you need at least" in out:
            raise UsageError(f"The text is too short: two pieces of {setting.context} tokens are needed at least.")
        found = read(out)
        if found is not None:
            return found
    raise EngineError(f"llama-perplexity ended without its figures: {out.strip()[-200:]!r}; try `atlas tools build`.")
