"""The tape's tables, as numbered migrations in one list; ``PRAGMA user_version`` counts those applied."""

from __future__ import annotations

import sqlite3

from atlas.errors import UsageError

MIGRATIONS: tuple[str, ...] = (
    # 1: everything that happened, by what it was asked for.
    """
    CREATE TABLE records (
        kind    TEXT NOT NULL CHECK (kind IN ('exchange', 'observation', 'event')),
        key     TEXT NOT NULL,
        digest  TEXT NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID
    """,
)
"""Applied in order. An applied migration is never edited; a change of the tables is a new entry."""


def version(connection: sqlite3.Connection) -> int:
    """Number of migrations that the file has seen."""
    row: tuple[int] = connection.execute("PRAGMA user_version").fetchone()
    return row[0]


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring the tables up to date.

    Raises:
        UsageError: the file was written by a newer version of ATLAS.
    """
    applied = version(connection)
    check_not_newer(applied, name)
    for number, statement in enumerate(MIGRATIONS[applied:], start=applied + 1):
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def check_not_newer(applied: int, name: str) -> None:
    """Refuse a file of the future, whose tables might mean something else."""
    if applied > len(MIGRATIONS):
        raise UsageError(
            f"{name} was written by a newer version of ATLAS (tape format {applied}, this one knows "
            f"{len(MIGRATIONS)}): update ATLAS to read it."
        )
