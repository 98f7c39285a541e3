"""What runs, as files: ``<home>/engines/<name>/`` holds ``engine.json`` and the log of one server.

Only its keeper writes a record, and whoever makes or removes a folder holds the lock of ``<home>/engines``.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from atlas.engine.model_cache import home
from atlas.engine.serving.process import Process
from atlas.errors import UsageError

State = Literal["starting", "running", "restarting", "failed"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_FILE = "engine.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One server. Times are seconds since 1970; ``memory`` and ``speed`` are not here: they are asked."""

    name: str
    model: str
    file: str
    draft: str | None
    kind: str
    version: str
    port: int
    slots: int
    context: int
    cache: str
    flash: str = ""
    """``enabled`` or ``disabled``, as the engine says; empty until it has."""
    command: tuple[str, ...] = ()
    keeper: Process
    engine: Process | None = None
    state: State = "starting"
    since: float
    restarts: int = 0
    error: str = ""
    notes: tuple[str, ...] = ()
    speed: float | None = None
    """Tokens a second of one request, over those that ended last."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether somebody looks after it."""
        return self.keeper.alive

    @property
    def shown_state(self) -> str:
        """Its state as it is now, which a keeper that was killed could not write."""
        return self.state if self.state == "failed" or self.alive else "gone"


def engines() -> Path:
    """The folder of all records."""
    return home() / "engines"


def folder(name: str) -> Path:
    """The folder of one server.

    Raises:
        UsageError: it cannot be a name.
    """
    if not _NAME.match(name):
        raise UsageError(f"{name[:80]!r} is no name for an engine: small letters, digits, dots and dashes make one.")
    return engines() / name


def name_of(text: str) -> str:
    """A name out of the name of a model or file."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:64] or "engine"


@contextmanager
def locked() -> Generator[None]:
    """Alone among all who start and remove servers."""
    engines().mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(engines(), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write(record: Record) -> None:
    """Put the record in place of the one before it, at once."""
    path = engines() / record.name / _FILE
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read(name: str) -> Record | None:
    """The record of that name; None where there is none that can be read."""
    try:
        return from_data(json.loads((folder(name) / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def from_data(data: dict[str, Any]) -> Record:
    """A record from what ``asdict`` made of it.

    Raises:
        KeyError, TypeError: something is missing or too much.
    """
    texts: dict[str, Any] = {field: tuple(data[field]) for field in ("command", "notes")}
    engine = data["engine"]
    processes: dict[str, Any] = {
        "keeper": Process(**data["keeper"]),
        "engine": None if engine is None else Process(**engine),
    }
    return Record(**(data | texts | processes))


def all_records() -> list[Record]:
    """Every record, by name."""
    names = sorted(path.name for path in engines().glob("*") if _NAME.match(path.name))
    return [record for name in names if (record := read(name)) is not None]


def get(name: str) -> Record:
    """The record of that name.

    Raises:
        UsageError: there is none; the sentence says which there are.
    """
    if (found := read(name)) is not None:
        return found
    there = ", ".join(record.name for record in all_records())
    raise UsageError(f"No engine is called {name[:80]!r} ({f'there are: {there}' if there else 'none runs'}).")


def discard(name: str, keeper: Process | None) -> None:
    """Remove the folder of a server, unless by now it is another keeper's."""
    with locked():
        found = read(name)
        if found is None or found.keeper == keeper:
            shutil.rmtree(folder(name), ignore_errors=True)


def sweep() -> set[str]:
    """Remove folders without a record that can be read, as an accident leaves them; their names."""
    if not engines().exists():
        return set()
    with locked():
        broken = {path.name for path in engines().iterdir() if _NAME.match(path.name) and read(path.name) is None}
        for name in broken:
            shutil.rmtree(engines() / name, ignore_errors=True)
    return broken
