"""The seal: digests of everything that was handed over, written before anybody may open an answer key."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from atlas.bench.jsonl import read_model, sha256, write_atomically
from atlas.bench.spec import RunFiles
from atlas.errors import AtlasError
from atlas.store.tape import canonical

_SEALED = ("submissions", "pools", "tapes")


class SealRow(BaseModel):
    """``seal.json``: relative path -> sha256."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    files: dict[str, str]


def write(files: RunFiles) -> None:
    """Seal the run as it lies there."""
    digests = {str(path.relative_to(files.out)): sha256(path) for path in _handed_over(files.out)}
    write_atomically(files.seal, canonical({"files": digests}) + "\n")


def verify(files: RunFiles) -> None:
    """Check that nothing was added, changed or removed since.

    Raises:
        AtlasError: something was; the sentence names it.
        UsageError: there is no seal.
    """
    sealed = read_model(files.seal, SealRow).files
    present = {str(path.relative_to(files.out)): path for path in _handed_over(files.out)}
    if extra := sorted(present.keys() ^ sealed.keys()):
        raise AtlasError(f"The seal of {files.out} is broken: {extra[0]} was added or removed; run it again.")
    for name, path in present.items():
        if sha256(path) != sealed[name]:
            raise AtlasError(f"The seal of {files.out} is broken: {name} was changed; run it again.")


def _handed_over(out: Path) -> list[Path]:
    return sorted(path for directory in _SEALED for path in (out / directory).glob("*") if path.is_file())
