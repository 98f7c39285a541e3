"""One row an attempt, in the same columns for every run: CSV, or Parquet with the types kept."""

from __future__ import annotations

import csv
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from atlas.bench.attempts import Graded
from atlas.errors import UsageError


def rows(run: Graded) -> list[dict[str, Any]]:
    """Every attempt of a run, in the order of its arms; ``tag_*`` are the problems' strata."""
    tags = sorted({tag for told in run.tags.values() for tag in told})
    found: list[dict[str, Any]] = []
    for attempt in run.attempts:
        row: dict[str, Any] = {"run": run.manifest.id, "suite": run.manifest.suite.name, "measure": run.measure}
        told = asdict(attempt)
        del told["usage"]
        about = run.tags.get(attempt.problem, {})
        found.append(row | told | attempt.usage.model_dump() | {f"tag_{tag}": about.get(tag) for tag in tags})
    return found


def write_csv(run: Graded, path: Path) -> int:
    """Write ``path`` (UTF-8; an empty cell is None); returns the number of rows.

    A cell that a spreadsheet would take for a formula begins with an apostrophe: problems' names come from outside.
    """
    table = rows(run)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]) if table else ["run"])
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in table)
    return len(table)


def write_parquet(run: Graded, path: Path) -> int:
    """Write ``path``; returns the number of rows.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'atlas-solver[export]', or export to CSV.") from None
    table = rows(run)
    parquet.write_table(arrow.Table.from_pylist(table), str(path))
    return len(table)


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
