"""``atlas bench compare``: two runs over the same problems."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from atlas.cli.report import finished
from atlas.errors import UsageError


@click.command(epilog="Example: atlas bench compare 20260101-120000-abc123 20260102-120000-def456 --arm single=full")
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@click.option(
    "--arm",
    "arms",
    multiple=True,
    metavar="FIRST[=SECOND]",
    help="An arm of the first run and one of the second; repeat for several. [all of the same name]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def compare(first: str, second: str, arms: tuple[str, ...], as_json: bool) -> None:
    """Compare two runs over the same problems, arm by arm.

    Differences with their intervals, who solved what the other did not, McNemar's exact test with Holm's adjustment,
    and what else differs between the runs: model, machine, prompts, settings. A run may be compared with itself, to
    set two of its arms beside each other.
    """
    from atlas.bench import versus  # noqa: PLC0415
    from atlas.bench.report.versus import render  # noqa: PLC0415

    found = versus.compare(finished(first), finished(second), [_pair(arm) for arm in arms])
    click.echo(json.dumps(asdict(found), indent=1) if as_json else render(found))


def _pair(text: str) -> tuple[str, str]:
    first, _, second = text.partition("=")
    if not first:
        raise UsageError(f"{text!r} names no arm; write --arm FIRST=SECOND.")
    return first, second or first
