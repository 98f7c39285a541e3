"""``atlas tools``: llama.cpp's own tools, listed and built."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

_EXAMPLE = """\b
Examples:
  atlas tools
  atlas tools build --jobs 4
"""


@click.group(invoke_without_command=True, epilog=_EXAMPLE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def tools(ctx: click.Context, as_json: bool) -> None:
    """List llama.cpp's tools that other commands use: on PATH, built here, or missing."""
    if ctx.invoked_subcommand is not None:
        return
    from atlas.engine.tools.find import TOOLS, look  # noqa: PLC0415  (--help must be quick)

    found = {name: look(name) for name in TOOLS}
    if as_json:
        data = {name: tool and {"path": str(tool.path), "built": tool.built} for name, tool in found.items()}
        click.echo(json.dumps({"tools": data}, indent=1))
        return
    for name, tool in found.items():
        click.echo(f"{name:18}{tool.path if tool else 'missing: `atlas tools build` makes it'}")


@tools.command(epilog="Example: atlas tools build --jobs 4")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Compilers at a time. [all cores but one]")
@click.option("--sdist", type=click.Path(path_type=Path), help="The source file, where no registry is reached.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output; no progress.")
def build(jobs: int | None, sdist: Path | None, as_json: bool) -> None:
    """Build llama-quantize, llama-imatrix, llama-perplexity and llama-fit-params from source.

    About ten minutes of one processor, and 1 GB of disk while it lasts. An interrupted build goes on when the
    command is given again. A C++ compiler is needed; cmake and ninja are fetched where they are missing.
    """
    from atlas.cli.progress import steps  # noqa: PLC0415  (--help must be quick)
    from atlas.engine.hardware import hardware  # noqa: PLC0415
    from atlas.engine.tools.build import build, usual_jobs  # noqa: PLC0415

    machine = hardware()
    began = time.monotonic()
    with steps(quiet=as_json or not sys.stderr.isatty()) as told:
        folder = build(jobs or usual_jobs(machine.cores, machine.memory_bytes), told, sdist=sdist)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "seconds": round(time.monotonic() - began, 1)}))
    else:
        click.echo(folder)
