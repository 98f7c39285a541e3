"""``atlas ps``: the model servers that ``atlas up`` started, and how they are."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from atlas.engine.serving.records import Record

_WIDTH = 130
"""Columns where no terminal says how many there are."""


@click.command(epilog="Example: atlas ps")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def ps(as_json: bool) -> None:
    """List the servers that `atlas up` started: state, memory, speed, restarts, and what went wrong."""
    from atlas.engine.serving.records import all_records  # noqa: PLC0415  (--help must be quick)

    found = all_records()
    if as_json:
        click.echo(json.dumps({"engines": [data(record) for record in found]}, indent=1))
    elif not found:
        click.echo("No engine runs: `atlas up` starts one.")
    else:
        _show(found)


def data(record: Record) -> dict[str, Any]:
    """One server as plain data; ``memory_bytes`` and ``uptime_s`` are null where nothing runs."""
    running = record.shown_state == "running"
    return {
        "name": record.name,
        "model": record.model,
        "file": record.file,
        "draft": record.draft,
        "engine": record.kind,
        "version": record.version,
        "url": record.url,
        "port": record.port,
        "pid": record.engine.pid if record.engine and running else None,
        "keeper_pid": record.keeper.pid,
        "state": record.shown_state,
        "uptime_s": round(time.time() - record.since, 1) if running else None,
        "memory_bytes": record.engine.memory_bytes if record.engine and running else None,
        "tokens_per_s": record.speed,
        "restarts": record.restarts,
        "slots": record.slots,
        "context": record.context,
        "cache": record.cache,
        "flash_attention": record.flash or None,
        "command": list(record.command),
        "notes": list(record.notes),
        "error": _error(record) or None,
    }


def _error(record: Record) -> str:
    if record.shown_state == "gone":
        return f"Its supervisor was killed, and the engine with it: `atlas down {record.name}` cleans up."
    return record.error


def _show(records: list[Record]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("name", "model", "port", "pid", "state", "up for", "memory", "tokens/s", "restarts"):
        table.add_column(
            name, no_wrap=name != "model", justify="left" if name in ("name", "model", "state") else "right"
        )
    for entry in map(data, records):
        memory, seconds, speed = entry["memory_bytes"], entry["uptime_s"], entry["tokens_per_s"]
        table.add_row(
            entry["name"],
            entry["model"],
            str(entry["port"]),
            str(entry["pid"] or ""),
            entry["state"],
            "" if seconds is None else _duration(seconds),
            "" if memory is None else f"{memory / (1 << 30):.2f} GiB",
            "" if speed is None else f"{speed:,.0f}",
            str(entry["restarts"]),
        )
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
    console.print(table)
    for record in records:
        for text in (*record.notes, *filter(None, [_error(record)])):
            console.print(f"{record.name}: {text}", style="yellow", soft_wrap=True)


def _duration(seconds: float) -> str:
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if hours:
        return f"{hours // 24} d {hours % 24} h" if hours >= 48 else f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
