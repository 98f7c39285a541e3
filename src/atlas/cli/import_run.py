"""``atlas bench import-run``: verdicts that somebody published, as a run."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("import-run", epilog="Example: atlas bench import-run verdicts.jsonl.gz --name lcb-599")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What its problems are called together.")
@click.option("--source", help="Who published it; the file's name by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def import_run(data: Path, name: str, source: str | None, as_json: bool) -> None:
    """Bring published verdicts in as a run, to show, compare and export them.

    JSON lines (.jsonl or .jsonl.gz), a problem a line: {"id": ..., ARM: {"passed": true, "tokens": 155, "ms": 2222,
    "n_cand": 1}, ...}. Nothing is graded here; the report says so.
    """
    from atlas.bench.home import check_name, runs_root  # noqa: PLC0415
    from atlas.bench.imported import import_run as bring_in  # noqa: PLC0415

    root = bring_in(data, runs_root(), name=check_name(name), source=source or data.name)
    if as_json:
        click.echo(json.dumps({"run": root.name, "folder": str(root)}))
    else:
        click.echo(f"{root.name}: show it with `atlas bench show {root.name}`")
