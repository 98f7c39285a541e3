"""A run's result on its way out: the table or JSON on standard output, the page to a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas.errors import UsageError

if TYPE_CHECKING:
    from atlas.bench.run import RunResult


def report(result: RunResult, html: Path | None, *, as_json: bool) -> None:
    """Show a finished run."""
    from atlas.bench.report.plain import as_data  # noqa: PLC0415
    from atlas.bench.report.table import render  # noqa: PLC0415

    write_html(result, html)
    if as_json:
        click.echo(json.dumps(as_data(result.summary) | {"folder": str(result.root)}, indent=1))
    else:
        click.echo(render(result.summary))


def write_html(result: RunResult, path: Path | None) -> None:
    """Write the report as one offline page, if it is wanted.

    Raises:
        UsageError: the file can't be written.
    """
    if path is None:
        return
    from atlas.bench import manifest  # noqa: PLC0415
    from atlas.bench.report import html  # noqa: PLC0415
    from atlas.bench.spec import RunFiles  # noqa: PLC0415

    files = RunFiles.at(result.root)
    page = html.render(result.summary, manifest.read(files), manifest.found(files))
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
