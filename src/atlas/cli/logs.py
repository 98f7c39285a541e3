"""``atlas logs``: what a model server that ``atlas up`` started has to say."""

from __future__ import annotations

import sys

import click


@click.command(epilog="Example: atlas logs nano -n 50")
@click.argument("name")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with what comes, until it ends or Ctrl-C.")
@click.option("-n", "lines", type=click.IntRange(0, 1_000_000), default=30, show_default=True, help="Last lines.")
def logs(name: str, following: bool, lines: int) -> None:
    """Print the last lines of a server's log, llama.cpp's and the supervisor's; 8 MB at most are kept."""
    from atlas.engine.serving.log import follow, tail  # noqa: PLC0415  (--help must be quick)
    from atlas.engine.serving.records import folder, get, read  # noqa: PLC0415

    record = get(name)
    if not following:
        for line in tail(folder(name), lines):
            click.echo(line)
        return

    def lives() -> bool:
        found = read(name)
        return found is not None and found.keeper == record.keeper and found.alive

    for line in follow(folder(name), lives, lines):
        click.echo(line)
        sys.stdout.flush()
