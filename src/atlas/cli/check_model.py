"""``atlas check-model``: what a model can be used for, how fast it is, and which settings suit it."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from atlas.cli.options import api_key, choose, model_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas.check.findings import Findings
    from atlas.check.samples import Sample
    from atlas.engine.choice import EngineChoice

_EXAMPLE = """\b
Examples:
  atlas check-model --model Qwen3-14B-Q4_K_M.gguf --slots 4
  atlas check-model --endpoint http://localhost:8080 --json
"""
_SHIPPED_SUITE = "smallworld"
_MOST_PROBLEMS = 12
_WIDTH = 110
"""Columns where no terminal says how many there are."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """What was asked on the command line."""

    engine: EngineChoice
    samples: tuple[Sample, ...]
    times: int
    quiet: bool


@click.command(epilog=_EXAMPLE)
@model_options
@click.option(
    "--times", type=click.IntRange(1, 100), default=3, show_default=True, help="Replies to ask for of each kind."
)
@click.option(
    "--suite", metavar="NAME", help="Ask about this suite's problems; the shipped model is asked about its own."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output; no progress.")
def check_model(
    model: str | None,
    endpoint: str | None,
    server: str,
    slots: int,
    context: int | None,
    threads: int | None,
    times: int,
    suite: str | None,
    as_json: bool,
) -> int:
    """Ask a model each kind of request that the search makes, and say what it is good for.

    Says what share of its replies was usable, how it thinks, what its server supports, how fast it is, and
    which settings suit it. Exit status 1 means that most of its drafts held no program.
    """
    from atlas.check.advice import advise  # noqa: PLC0415  (--help must be quick)
    from atlas.check.cards import recommended  # noqa: PLC0415
    from atlas.check.table import as_data  # noqa: PLC0415

    engine = choose(model, endpoint, server, slots, context, threads)
    shown = suite or (_SHIPPED_SUITE if engine.kind == "shipped" else None)
    findings = asyncio.run(_check(_Ask(engine, _samples(shown), times, as_json)))
    advice = advise(findings)
    if as_json:
        click.echo(json.dumps(as_data(findings, advice), indent=1))
    else:
        from rich.console import Console  # noqa: PLC0415

        from atlas.check.table import render  # noqa: PLC0415

        source = recommended(engine, findings.capabilities.model)[1]
        about = f"problems of the suite {shown}" if shown else "four small problems"
        page = render(findings, advice, about, source, _next(engine, advice.strategy))
        Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH).print(page)
    return 0 if advice.usable else 1


def _samples(suite: str | None) -> tuple[Sample, ...]:
    """The built-in problems, or some from all over a suite.

    Raises:
        UsageError: there is no such suite.
    """
    from atlas.check.samples import BUILT_IN, of_problem  # noqa: PLC0415

    if suite is None:
        return BUILT_IN
    from atlas.bench.home import find_suite  # noqa: PLC0415
    from atlas.bench.suites.store import load  # noqa: PLC0415

    problems = load(find_suite(suite).problems).problems
    return tuple(of_problem(p) for p in problems[:: max(1, len(problems) // _MOST_PROBLEMS)][:_MOST_PROBLEMS])


async def _check(ask: _Ask) -> Findings:
    from dataclasses import replace  # noqa: PLC0415

    from atlas.check.cards import recommended  # noqa: PLC0415
    from atlas.check.run import Plan, check  # noqa: PLC0415
    from atlas.engine.choice import opened  # noqa: PLC0415
    from atlas.sandbox import Sandbox  # noqa: PLC0415

    with _telling(quiet=ask.quiet) as say:
        say("starting the sandbox")
        async with await Sandbox.start() as sandbox, opened(ask.engine, api_key(), say) as attached:
            seen = attached.client.capabilities
            plan = Plan(
                ask.times,
                slots=max(seen.slots, 1 if ask.engine.kind != "endpoint" else ask.engine.slots),
                max_tokens=ask.engine.max_tokens,
                sampling=recommended(ask.engine, seen.model)[0],
            )
            findings = await check(
                attached.client, sandbox, ask.samples, plan, lambda doing, done, of: say(f"{doing}, {done} of {of}")
            )
            told = (*attached.warnings, *attached.events)
    return replace(findings, warnings=tuple(w for w in told if w not in seen.notes))


@contextmanager
def _telling(*, quiet: bool) -> Generator[Callable[[str], None]]:
    """Where progress is told: a line that changes on a terminal's standard error, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status("starting") as status:
        yield status.update


def _next(engine: EngineChoice, strategy: str) -> str:
    """The command to type next."""
    words = ["atlas", "solve", "problem.txt", "--strategy", strategy]
    if engine.kind == "endpoint":
        words += ["--endpoint", engine.url, *(["--model", engine.model] if engine.model else [])]
    elif engine.file is not None:
        words += ["--model", str(engine.file)]
    words += [] if engine.slots == 8 else ["--slots", str(engine.slots)]
    return shlex.join(words)
