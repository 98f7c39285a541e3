"""A run's result on its way out: the table or JSON on standard output, the page to a file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas.errors import UsageError

if TYPE_CHECKING:
    from atlas.bench.attempts import Graded
    from atlas.bench.costs import Costs
    from atlas.bench.run import RunResult
    from atlas.bench.summary import Summary
    from atlas.cost.settings import Settings


def run_folder(run_id: str) -> Path:
    """A run by its id, a unique beginning of it, or its folder.

    Raises:
        UsageError: there is none, or several.
    """
    from atlas.bench.home import runs_root  # noqa: PLC0415

    if (Path(run_id) / "run.json").is_file():
        return Path(run_id)
    found = [p.parent for p in runs_root().glob("*/run.json") if p.parent.name.startswith(run_id)]
    if len(found) != 1:
        what = f"{len(found)} runs begin with {run_id!r}" if found else f"There is no run {run_id!r}"
        raise UsageError(f"{what}; `atlas bench list` shows those there are.")
    return found[0]


def finished(run_id: str) -> Graded:
    """A run that has its verdicts, by its id, a unique beginning of it, or its folder.

    Raises:
        UsageError: there is none, several, or it is not finished.
    """
    from atlas.bench.attempts import read  # noqa: PLC0415
    from atlas.bench.spec import RunFiles  # noqa: PLC0415

    files = RunFiles.at(run_folder(run_id))
    if not files.grades.is_file() and not files.verdicts.is_file():
        raise UsageError(f"The run {run_id} has no grades yet: `atlas bench resume {run_id}` finishes it.")
    return read(files)


def report(result: RunResult, html: Path | None, *, as_json: bool) -> None:
    """Show a finished run."""
    from atlas.bench.report.plain import as_data  # noqa: PLC0415
    from atlas.bench.report.table import render  # noqa: PLC0415

    costs = priced(result.root, result.summary)
    write_html(result, html, costs)
    if as_json:
        data = as_data(result.summary) | {"folder": str(result.root), "costs": cost_data(costs)}
        click.echo(json.dumps(data, indent=1))
    else:
        click.echo(render(result.summary, costs))


def priced(root: Path, summary: Summary, settings: Settings | None = None) -> Costs:
    """What a run cost, by ``settings`` or by the user's own file.

    Raises:
        UsageError: that file cannot be used.
    """
    from atlas.bench.costs import costs, served, settings_path  # noqa: PLC0415
    from atlas.bench.spec import RunFiles  # noqa: PLC0415
    from atlas.cost.settings import read_or_default  # noqa: PLC0415

    return costs(summary, served(RunFiles.at(root)), settings or read_or_default(settings_path()))


def cost_data(costs: Costs) -> dict[str, Any]:
    """Plain dicts and lists, with what follows from them."""
    rows = [
        asdict(row) | {"total": row.total, "by_attempt": row.by_attempt, "by_solved": row.by_solved}
        for row in costs.rows
    ]
    return {"currency": costs.currency, "rows": rows, "notes": costs.notes}


def write_html(result: RunResult, path: Path | None, costs: Costs | None = None) -> None:
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
    page = html.render(result.summary, manifest.read(files), manifest.found(files), costs)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
