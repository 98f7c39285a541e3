"""Every attempt of every table in ``attempts``, under its topic's name and its own."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import attempts
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = [found.name for found in pkgutil.iter_modules(attempts.__path__)]
TOPICS = {name: importlib.import_module(f"attempts.{name}") for name in NAMES}


def each(kind: str) -> Any:
    """The decorator that runs a test on each entry of the tables of a kind, and tells it the whole table."""
    rows = [
        pytest.param(table, entry, id=f"{topic}-{entry.name}")
        for topic, module in TOPICS.items()
        for table in [getattr(module, kind, [])]
        for entry in table
    ]
    assert all({"REFUSED", "RUNS"} & vars(module).keys() for module in TOPICS.values()), "a topic without a table"
    assert len({row.id for row in rows}) == len(rows), "two entries of one name"
    return pytest.mark.parametrize(("table", "probe"), rows)


@each("REFUSED")
async def test_refused(box, table, probe):
    await box.refuses(probe, table)


@each("RUNS")
async def test_ends(box, table, probe):
    await box.ends(probe)
