"""What programs did before, kept over runs: the same program on the same input under the same limits is not run again.

Kept is what follows from the question alone; what hung on the moment (a wall clock, a failure of the sandbox itself) is
not. An execution that shared its process with others may have been touched by them: it answers only for such.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from atlas.compare import codec
from atlas.errors import UsageError
from atlas.problem import Call, Input
from atlas.sandbox.profile import STANDARD, Profile
from atlas.sandbox.types import Limits, Observation, Program, Status

_VERSION = 2
_MOST = 500_000
"""Results kept; the longest unused ones go first, a tenth at a time."""
_AT_ONCE = 500

_KEPT = frozenset(Status) - {Status.WALL_LIMIT, Status.INFRASTRUCTURE}

_OF_FILES = {"files", "left_out"}
"""Executions with files are not kept."""

_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    key     BLOB PRIMARY KEY,
    used    INTEGER NOT NULL,
    payload TEXT NOT NULL
) WITHOUT ROWID
"""


class ResultCache:
    """Results by question, in a SQLite file that processes can share, or in memory. Close it after use."""

    def __init__(self, connection: sqlite3.Connection, most: int = _MOST) -> None:
        self._connection = connection
        self._most = most
        self._clock = 1 + int(connection.execute("SELECT COALESCE(MAX(used), 0) FROM results").fetchone()[0])

    @classmethod
    def memory(cls) -> Self:
        """A cache that is gone with the process."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.execute(_TABLE)
        return cls(connection)

    @classmethod
    def open(cls, path: Path, *, most: int = _MOST) -> Self:
        """Open or create the cache at ``path``; a file that is no cache any more is made anew.

        Raises:
            UsageError: the file can't be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(sqlite3.DatabaseError):
                return cls(_connect(path), most)
            for leftover in path.parent.glob(f"{path.name}*"):
                leftover.unlink()
            return cls(_connect(path), most)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"{path} can't be used to keep results ({error}): give another path.") from error

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Observation]:
        """The results there are, by key."""
        found: dict[bytes, Observation] = {}
        for part in _parts(keys):
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(f"SELECT key, payload FROM results WHERE key IN ({marks})", part)
            found.update((key, _observation(payload)) for key, payload in rows.fetchall())
        if found:
            marked = [(self._clock, key) for key in found]
            self._connection.executemany("UPDATE results SET used = ? WHERE key = ?", marked)
        return found

    def put(self, results: dict[bytes, Observation]) -> None:
        """Keep results."""
        rows = [(key, self._clock, _payload(o)) for key, o in results.items() if o.status in _KEPT]
        if not rows:
            return
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)
            (count,) = self._connection.execute("SELECT COUNT(*) FROM results").fetchone()
            if count > self._most:
                oldest = "SELECT key FROM results ORDER BY used LIMIT ?"
                self._connection.execute(
                    f"DELETE FROM results WHERE key IN ({oldest})", (count - self._most + self._most // 10,)
                )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def keys_of(
    program: Program, inputs: Sequence[Input], limits: Limits, profile: Profile = STANDARD, *, tier: str, fresh: bool
) -> list[bytes]:
    """The name of each question: program, input, limits, interpreter, profile and tier, and whether the process is its
    own.

    An environment whose packages were changed in place has the same name: give it another, or drop the cache.

    Raises:
        CodecError: an argument is no plain data.
    """
    about = [_VERSION, sys.version, asdict(profile), asdict(program), asdict(limits), tier, fresh]
    base = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    return [_with(base, input) for input in inputs]


def _with(base: Any, input: Input) -> bytes:
    name = base.copy()
    # ASCII, with half characters escaped: any text has a name.
    asked: Any = codec.encode(list(input.args)) if isinstance(input, Call) else input.text
    name.update(json.dumps([isinstance(input, Call), asked]).encode())
    return name.digest()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # a lost result is computed again
        connection.execute(_TABLE)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _parts(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for at in range(0, len(keys), _AT_ONCE):
        yield keys[at : at + _AT_ONCE]


def _payload(observation: Observation) -> str:
    data = {name: getattr(observation, name) for name in Observation.__slots__ if name not in _OF_FILES}
    return json.dumps({**data, "status": str(observation.status), "value": codec.encode(observation.value)})


def _observation(payload: str) -> Observation:
    data: dict[str, Any] = json.loads(payload)
    data |= {"status": Status(data["status"]), "value": codec.decode(data["value"])}
    return Observation(**data)
