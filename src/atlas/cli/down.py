"""``atlas down``: stop model servers that ``atlas up`` started."""

from __future__ import annotations

import json

import click

from atlas.errors import UsageError


@click.command(epilog="Example: atlas down nano")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="All that there are.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def down(names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Stop servers and wait until nothing of them is left: processes, port, files.

    What crashed, or whose supervisor was killed, is cleaned up likewise.
    """
    from atlas.engine.serving.records import all_records, get, sweep  # noqa: PLC0415  (--help must be quick)
    from atlas.engine.serving.stopping import stop  # noqa: PLC0415

    if everything == bool(names):
        raise UsageError("Give the NAME of an engine as `atlas ps` shows it, or --all.")
    broken = sweep()
    chosen = all_records() if everything else [get(name) for name in dict.fromkeys(names) if name not in broken]
    for record in chosen:
        stop(record)
        if not as_json:
            click.echo(f"{record.name} is stopped; port {record.port} is free")
    if as_json:
        click.echo(json.dumps({"stopped": [record.name for record in chosen]}))
    elif not chosen:
        click.echo("What was left of an accident is removed." if broken else "No engine runs.")
