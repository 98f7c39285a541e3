"""What quantizations of one model cost: size, perplexity and divergence on a text, beside the least quantized file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from atlas.engine.draft import same_vocabulary
from atlas.engine.gguf_check import ModelFile, check
from atlas.engine.tools.find import find
from atlas.engine.tools.perplexity import Divergence, Setting, divergence, most_pieces, perplexity
from atlas.errors import UsageError

Told = Callable[[str, int, int], None]
"""Told which file is measured, and how many pieces of how many are done."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One file. ``divergence`` is from the reference, None for the reference itself."""

    file: ModelFile
    perplexity: tuple[float, float]
    divergence: Divergence | None

    @property
    def bits(self) -> float:
        """Bits of the file for each weight."""
        return 8 * self.file.size_bytes / self.file.parameters


def files(models: Sequence[Path], against: Path | None) -> tuple[ModelFile, ...]:
    """The files that are compared, the reference first: ``against``, or the one with the most bits a weight.

    Raises:
        UsageError: one is no model, or they are not of one model.
    """
    found = [check(path) for path in dict.fromkeys(models)]
    bits = max(found, key=lambda file: file.size_bytes / file.parameters)
    reference = check(against) if against is not None else bits
    for file in found:
        if not same_vocabulary(file.path, reference.path):
            raise UsageError(f"{file.path.name} has another vocabulary than {reference.path.name}: nothing compares.")
    return reference, *(file for file in found if file.path.resolve() != reference.path.resolve())


def measure(
    compared: Sequence[ModelFile], text: str, setting: Setting, told: Told = lambda name, done, of: None
) -> tuple[Measured, ...]:
    """Measure each file on ``text``, the first as the reference of the others.

    Raises:
        UsageError: the tool is missing, the text is too short, or the disk too small.
        EngineError: the tool fails.
    """
    find("llama-perplexity")
    reference, *others = compared
    setting = replace(setting, context=min([setting.context, *(file.context_length for file in compared)]))
    with TemporaryDirectory(prefix="atlas-measure-") as name:
        source, kept = Path(name) / "code.txt", Path(name) / "distributions"
        source.write_text(text)
        if others:
            most = most_pieces(reference, Path(name), setting.context)
            setting = replace(setting, pieces=min(most, setting.pieces or most))

        def heard(file: ModelFile) -> Callable[[int, int], None]:
            return lambda done, of: told(file.path.name, done, of)

        first = perplexity(reference.path, source, setting, heard(reference), keep=kept if others else None)
        rows = [Measured(reference, first, None)]
        for file in others:
            found = divergence(file.path, kept, setting, heard(file))
            rows.append(Measured(file, found.perplexity, found))
    return tuple(rows)
