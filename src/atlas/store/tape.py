"""The tape: every exchange with the model, every observation of the sandbox, every deadline, by structure.

A record's key says what it was made for (problem, round, move, parent, index), never when it arrived; its
digest covers everything that was asked. So a run replays in any order, and a changed question is noticed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Self

from atlas.errors import ReplayError, UsageError
from atlas.store import schema

Kind = Literal["exchange", "observation", "event"]

COMMIT_EVERY_S = 0.5
"""Observations and events are committed in batches: at most this much of them is lost when the process is killed
outright. What a model answered is committed at once: it is the dear part, and the next record may be long in coming."""


def canonical(data: Any) -> str:
    """JSON text with one spelling: sorted keys, no spaces, no NaN."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(data: Any) -> str:
    """Hex SHA-256 of the canonical JSON of ``data``."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def _everything(_kind: Kind, _payload: Any) -> bool:
    return True


class Tape:
    """One run's record in a SQLite file, or in memory.

    One process writes; the object may be shared by the tasks and threads of that process. Records are never
    changed and never removed.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        *,
        writable: bool,
        lenders: Sequence[Tape] = (),
        lent: Callable[[Kind, Any], bool] = _everything,
    ) -> None:
        self._connection = connection
        self._name = name
        self._writable = writable
        self._lenders = lenders
        self._lent = lent
        self._lock = Lock()
        self._committed_at = time.monotonic()

    @classmethod
    def memory(cls) -> Self:
        """A tape that is gone with the process."""
        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        schema.migrate(connection, "the tape in memory")
        return cls(connection, "the tape in memory", writable=True)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        readonly: bool = False,
        lenders: Sequence[Tape] = (),
        lent: Callable[[Kind, Any], bool] = _everything,
    ) -> Self:
        """Open or create the tape at ``path``; ``readonly`` for a replay, which must find it there.

        What this tape lacks is taken over from ``lenders``, in their order, where one has it for the same key and the
        very same question, and ``lent`` says of kind and payload that it may be. This tape is whole by itself all the
        same.

        Raises:
            UsageError: there is no such file, it can't be opened, it is no tape, or a newer ATLAS wrote it.
        """
        if readonly and not path.is_file():
            raise UsageError(f"There is no tape at {path}: give the folder of a recorded run.")
        uri = f"{path.resolve().as_uri()}?mode={'ro' if readonly else 'rwc'}"
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
            if readonly:
                _check_tables(connection, path)
            else:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                schema.migrate(connection, str(path))
        except (sqlite3.Error, UsageError) as error:
            if connection is not None:
                connection.close()
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"{path} can't be used as a tape ({error}): give another path.") from error
        return cls(connection, str(path), writable=not readonly, lenders=lenders, lent=lent)

    def get(self, kind: Kind, key: str, request_digest: str) -> Any | None:
        """The recorded payload (decoded JSON), or None where nothing was recorded.

        Raises:
            ReplayError: something was recorded for ``key``, but for another question.
        """
        found = self._row(kind, key)
        if found is None:
            return self._borrowed(kind, key, request_digest)
        recorded_digest, payload = found
        if recorded_digest != request_digest:
            raise ReplayError(
                f"The {kind} {key} on {self._name} answers another question than the one asked now: replay "
                "with the version, prompts and settings that recorded it, or record a new run."
            )
        return json.loads(payload)

    def _borrowed(self, kind: Kind, key: str, request_digest: str) -> Any | None:
        """A lender's record of the same, which is put on this tape, too."""
        for lender in self._lenders:
            found = lender._row(kind, key)
            if found is None or found[0] != request_digest:
                continue
            payload = json.loads(found[1])
            if self._lent(kind, payload):
                self.put(kind, key, request_digest, payload)
                return payload
        return None

    def put(self, kind: Kind, key: str, request_digest: str, payload: Any) -> None:
        """Record ``payload`` (JSON data); recording the same again changes nothing.

        Raises:
            ReplayError: the tape holds something else for ``key``, or was opened for reading.
        """
        text = canonical(payload)
        if not self._writable:
            raise ReplayError(f"{self._name} is open for reading; {kind} {key} can't be recorded on it.")
        with self._lock:
            self._begin()
            inserted = self._connection.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (kind, key, request_digest, text),
            ).rowcount
            if kind == "exchange" or time.monotonic() - self._committed_at >= COMMIT_EVERY_S:
                self._commit()
        if not inserted and self._row(kind, key) != (request_digest, text):
            raise ReplayError(
                f"The {kind} {key} is on {self._name} already, with other content: what happened is never "
                "overwritten; record a new run."
            )

    def records(self, kind: Kind, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """``(key, payload)`` of one kind in key order, of the keys that begin with ``prefix``."""
        with self._lock:
            rows: list[tuple[str, str]] = self._connection.execute(
                "SELECT key, payload FROM records WHERE kind = ? AND key >= ? AND key < ? ORDER BY key",
                (kind, prefix, prefix + "\U0010ffff"),
            ).fetchall()
        for key, payload in rows:
            yield key, json.loads(payload)

    def flush(self) -> None:
        """Commit what was recorded so far."""
        with self._lock:
            self._commit()

    def close(self) -> None:
        """Commit and close; a finished tape is one plain file that can be read from anywhere."""
        with self._lock:
            self._commit()
            if self._writable:
                self._leave_wal()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _row(self, kind: Kind, key: str) -> tuple[str, str] | None:
        with self._lock:
            return self._connection.execute(
                "SELECT digest, payload FROM records WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _commit(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._committed_at = time.monotonic()

    def _leave_wal(self) -> None:
        try:
            self._connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            # Somebody reads the tape right now. It stays in WAL mode, which is complete and valid too.
            if "locked" not in str(error):
                raise


def _check_tables(connection: sqlite3.Connection, path: Path) -> None:
    applied = schema.version(connection)
    schema.check_not_newer(applied, str(path))
    if applied < len(schema.MIGRATIONS):
        raise UsageError(f"{path} is no tape of a run, or one that was never written to.")
