"""``atlas bench``: suites in, runs, tables and audits out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from atlas.cli.compare import compare
from atlas.cli.export import export
from atlas.cli.import_run import import_run
from atlas.cli.options import (
    Day,
    Duration,
    Wanted,
    api_key,
    choose,
    counted,
    drawing_options,
    model_options,
    reply_options,
    sandbox_option,
    secrets,
)
from atlas.cli.power import power
from atlas.cli.progress import steps
from atlas.cli.replay import replay
from atlas.cli.report import Pages, page_options, report, run_folder
from atlas.errors import UsageError

if TYPE_CHECKING:
    from atlas.bench.audit import AuditReport
    from atlas.bench.events import OnEvent
    from atlas.bench.run import RunResult
    from atlas.engine.choice import EngineChoice

T = TypeVar("T")

_RUN = click.argument("run_id", metavar="RUN")
_FORCE = click.option("--force", is_flag=True, help="Replace another suite of that name.")
_EARLY = click.option(
    "--score-early",
    is_flag=True,
    help="Grade answers while others are solved, to show how the arms stand; takes cores.",
)
_SHARE = click.option(
    "--share",
    is_flag=True,
    help="What several arms ask word for word is asked once: less work, but no times, no energy and no --deadline.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output; no progress.")
_IMPORT_EXAMPLES = """\b
Examples:
  atlas bench import humaneval --data HumanEval.jsonl.gz
  atlas bench import livecodebench --from 2024-09-01 --to 2025-04-30
  atlas bench import tasks --data my-tasks --name mine
"""


@click.group(epilog="Example: atlas bench run smallworld --arm single --arm full --limit 40")
def bench() -> None:
    """Import or make suites, run and resume them, show and audit the results."""


for command in (replay, compare, export, import_run, power):
    bench.add_command(command)


@bench.command("import", epilog=_IMPORT_EXAMPLES)
@click.argument("benchmark")
@click.option("--data", type=click.Path(path_type=Path), help="The benchmark's own file or folder. [from the hub]")
@click.option("--name", help="Name of the suite; the benchmark's own by default.")
@click.option("--from", "first", type=Day(), metavar="DATE", help="Only tasks published on that day or later.")
@click.option("--to", "last", type=Day(), metavar="DATE", help="Only tasks published on that day or earlier.")
@_FORCE
@_JSON
def import_(
    benchmark: str,
    data: Path | None,
    name: str | None,
    first: date | None,
    last: date | None,
    force: bool,
    as_json: bool,
) -> None:
    """Import a benchmark, split into problems and keys.

    Without --data its files are fetched from the Hugging Face hub at a pinned commit; HF_ENDPOINT, HF_TOKEN and
    HF_HUB_OFFLINE are honoured. docs/suites.md lists the benchmarks, their licences and their formats.
    """
    from atlas.bench.suites.importing import Window, import_suite  # noqa: PLC0415

    suite = name or benchmark
    with _room_for(suite, force=force), steps(quiet=as_json) as told:
        window = Window(first, last)
        told("reading", 0, 0)
        count = import_suite(
            benchmark, data, suite=suite, window=window, told=lambda read: told(f"{read} tasks read", 0, 0)
        )
    _say_suite(suite, count, as_json)


@bench.command(epilog="Example: atlas bench make --seed 7 --problems 200")
@click.option("--seed", type=int, required=True)
@click.option("--problems", type=click.IntRange(1, 100_000), default=260, show_default=True)
@click.option("--name", help="Name of the suite; smallworld-sSEED by default.")
@_FORCE
@_JSON
def make(seed: int, problems: int, name: str | None, force: bool, as_json: bool) -> None:
    """Make a suite of the shipped model's world: compositions that no training sample asked for."""
    from atlas.bench.home import user_suite  # noqa: PLC0415
    from atlas.bench.suites import smallworld  # noqa: PLC0415

    name = name or f"smallworld-s{seed}"
    with _room_for(name, force=force):
        smallworld.write(user_suite(name), seed, problems)
    _say_suite(name, problems, as_json)


def _room_for(name: str, *, force: bool) -> AbstractContextManager[None]:
    """What to write a suite of this name in; with ``force`` one that is there makes room."""
    from atlas.bench.home import user_suite  # noqa: PLC0415
    from atlas.bench.suites.install import replacing  # noqa: PLC0415

    return replacing(user_suite(name)) if force else nullcontext()


@bench.command("run", epilog="Example: atlas bench run smallworld --arm single --arm best-of-n:n=4 --arm full")
@click.argument("suite")
@click.option(
    "--arm",
    "arms",
    multiple=True,
    metavar="[PLACE/]NAME|FILE[:key=value,...]",
    help="A strategy and its settings; repeat for several. match=ARM (or match_total=ARM) bounds its generated tokens "
    "by that arm's on each problem (or on average). PLACE is local, anthropic/MODEL: or openai/MODEL: (with a key in "
    "ANTHROPIC_API_KEY or OPENAI_API_KEY). [single and full]",
)
@click.option("--seeds", type=click.IntRange(1, 100), default=1, show_default=True, help="How many: 0, 1, 2 and so on.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first problems of the suite.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1024),
    help="Problems that are worked on at the same time. [four times the slots; with --deadline as many as slots]",
)
@click.option("--deadline", type=Duration(), help="Bound on one problem, such as 60s.")
@click.option(
    "--packages", type=click.Path(path_type=Path), metavar="ENV", help="Programs import from this environment."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Keep the run under this folder.")
@page_options
@model_options
@drawing_options
@reply_options
@sandbox_option
@_EARLY
@_SHARE
@_JSON
def run_(
    suite: str,
    arms: tuple[str, ...],
    seeds: int,
    limit: int | None,
    concurrency: int | None,
    deadline: float | None,
    packages: Path | None,
    out: Path | None,
    html: Path | None,
    markdown: Path | None,
    score_early: bool,
    share: bool,
    as_json: bool,
    temperature: float | None,
    top_p: float | None,
    max_tokens: int | None,
    thinking: int | None,
    stop_at_code: bool,
    logprobs: bool,
    tier: str | None,
    **model: Any,
) -> None:
    """Run arms over a suite, grade what they hand over, and print the table."""
    from atlas.bench.run import run  # noqa: PLC0415
    from atlas.bench.spec import RunSpec, parse_arm  # noqa: PLC0415

    engine = choose(**model)
    parsed = tuple(parse_arm(arm) for arm in arms or ("single", "full"))
    wanted = Wanted(temperature, top_p, max_tokens, thinking, stop_at_code, logprobs)
    local, bought = any(arm.api is None for arm in parsed), wanted.bought()
    drawing = wanted.drawing(engine, asyncio.run(_served(engine))) if local else bought
    spec = RunSpec(
        suite=suite,
        arms=parsed,
        seeds=tuple(range(seeds)),
        engine=engine,
        limit=limit,
        sampling=drawing.sampling,
        max_tokens=drawing.max_tokens,
        thinking=drawing.thinking,
        stop_at_code=stop_at_code,
        logprobs=logprobs,
        concurrency=concurrency or 0,
        deadline_s=deadline,
        sandbox=tier,
        packages=packages.resolve() if packages else None,
        api_sampling=bought.sampling,
        api_max_tokens=bought.max_tokens,
        share=share,
    )
    if not as_json:
        for note in dict.fromkeys([drawing.note, *([bought.note] if any(arm.api for arm in parsed) else [])]):
            click.secho(note, err=True, dim=True)
    _finish(
        lambda watch: run(spec, watch, out=out, secrets=secrets(), early=score_early), Pages(html, markdown), as_json
    )


async def _served(engine: EngineChoice) -> str:
    """The name of the model on an endpoint, which says what suits it; asked for where it was not given."""
    if engine.kind != "endpoint" or engine.model:
        return engine.model
    from atlas.llm.client import attach  # noqa: PLC0415

    client = await attach(engine.url, None, api_key())
    await client.aclose()
    return client.capabilities.model


@bench.command(epilog="Example: atlas bench resume 20260101-120000-abc123")
@_RUN
@page_options
@_EARLY
@_JSON
def resume(run_id: str, html: Path | None, markdown: Path | None, score_early: bool, as_json: bool) -> None:
    """Finish an interrupted run; what it recorded is not asked again. What a finished one lost is tried again."""
    from atlas.bench.run import resume as go_on  # noqa: PLC0415

    root = run_folder(run_id)
    _finish(
        lambda watch: go_on(root, watch, secrets=secrets(), early=score_early),
        Pages(html, markdown),
        as_json,
        root=str(root),
    )


@bench.command(epilog="Example: atlas bench show 20260101-120000-abc123 --html report.html")
@_RUN
@page_options
@click.option("--with-keys", is_flag=True, help="Show the hidden tests in the page, too.")
@_JSON
def show(run_id: str, html: Path | None, markdown: Path | None, with_keys: bool, as_json: bool) -> None:
    """Show the table of a graded run."""
    if with_keys and html is None:
        raise UsageError("--with-keys is about the page: say where it goes with --html.")
    from atlas.bench.run import RunResult  # noqa: PLC0415
    from atlas.bench.spec import RunFiles  # noqa: PLC0415
    from atlas.bench.summary import summarize  # noqa: PLC0415

    root = run_folder(run_id)
    files = RunFiles.at(root)
    if not files.grades.is_file() and not files.verdicts.is_file():
        raise UsageError(f"The run {run_id} has no grades yet: `atlas bench resume {run_id}` finishes it.")
    report(RunResult(root, summarize(files)), Pages(html, markdown, with_keys), as_json=as_json)


@bench.command(epilog="Example: atlas bench audit 20260101-120000-abc123 --rejudge")
@_RUN
@click.option("--rejudge", is_flag=True, help="Grade all programs again, and name each verdict that differs.")
@_JSON
def audit(run_id: str, rejudge: bool, as_json: bool) -> int:
    """Replay a run with garbage keys in reach and compare every submission, byte for byte.

    Exit status 1 means that an answer depended on the keys, that the run was altered, or that a verdict differs.
    """
    from atlas.bench.audit import audit as check  # noqa: PLC0415
    from atlas.cli.watch_run import watching_run  # noqa: PLC0415

    root = run_folder(run_id)
    with watching_run(quiet=as_json) as watch:
        found = asyncio.run(check(root, watch, rejudge=rejudge))
    if as_json:
        click.echo(json.dumps(asdict(found) | {"passed": found.passed}, indent=1))
    else:
        _print_audit(found)
    return 0 if found.passed else 1


@bench.command("list", epilog="Example: atlas bench list --json")
@_JSON
def list_(as_json: bool) -> None:
    """List the suites and the runs there are."""
    from atlas.bench.home import list_suites, runs_root  # noqa: PLC0415
    from atlas.bench.suites import store  # noqa: PLC0415

    suites, bad_suites = _readable(store.describe, (paths.problems for paths in list_suites()))
    runs, bad_runs = _readable(_row, (path.parent for path in sorted(runs_root().glob("*/run.json"))))
    unreadable = [*bad_suites, *bad_runs]
    if as_json:
        data = {"suites": [s.model_dump() for s in suites], "runs": runs, "unreadable": unreadable}
        click.echo(json.dumps(data, indent=1))
        return
    for suite in suites:
        click.echo(f"suite  {suite.name:24} {suite.problems:5} problems  {suite.source}")
    for run in runs:
        click.echo(f"run    {run['id']:24} {run['suite']}, {', '.join(run['arms'])}: {run['state']}")
    for sentence in unreadable:
        click.secho(f"warning: {sentence}", err=True, fg="yellow")


def _readable(read: Callable[[Path], T], folders: Iterable[Path]) -> tuple[list[T], list[str]]:
    """What could be read, and a sentence for each that could not: one bad folder must not hide the others."""
    found, bad = list[T](), list[str]()
    for folder in folders:
        try:
            found.append(read(folder))
        except UsageError as error:
            bad.append(str(error))
    return found, bad


def _row(folder: Path) -> dict[str, Any]:
    from atlas.bench import manifest  # noqa: PLC0415
    from atlas.bench.spec import RunFiles  # noqa: PLC0415

    files = RunFiles.at(folder)
    about = manifest.read(files)
    state = "graded" if files.summary.is_file() else "sealed" if files.seal.is_file() else "unfinished"
    state = "imported" if about.imported else state
    return {
        "id": about.id,
        "suite": about.suite.name,
        "arms": [arm.name for arm in about.spec.arms],
        "state": state,
        "folder": str(folder),
    }


def _finish(
    start: Callable[[OnEvent], Coroutine[Any, Any, RunResult]], pages: Pages, as_json: bool, root: str = ""
) -> None:
    """Run to the end, and show it. ``root`` is the folder of a run that there is already."""
    from atlas.cli.watch_run import watching_run  # noqa: PLC0415

    watch = None
    try:
        with watching_run(quiet=as_json) as watch:
            result = asyncio.run(start(watch))
    except KeyboardInterrupt:  # said after the bars are gone, or they would be drawn over it
        if root := (watch.root if watch else "") or root:
            click.echo(f"atlas: stopped; `atlas bench resume {root}` goes on from here", err=True)
        raise
    report(result, pages, as_json=as_json)


def _print_audit(report: AuditReport) -> None:
    count = counted(report.compared, "submission")
    click.echo(f"{count} of run {report.run}, replayed with {report.method}")
    for warning in report.warnings:
        click.secho(f"warning: {warning}", fg="yellow")
    for finding in report.findings:
        where = ", ".join(filter(None, (finding.problem, finding.arm, finding.move and f"move {finding.move}")))
        click.secho(f"  {where + ': ' if where else ''}{finding.what}", fg="red")
    if report.rejudged:
        click.echo(f"{counted(report.rejudged, 'program')} graded again")
    if report.passed:
        judged = ", and every verdict came out the same" if report.rejudged else ""
        click.secho(f"passed: no submission depends on the keys{judged}", fg="green")
    else:
        click.secho(f"FAILED: {counted(len(report.findings), 'finding')}", fg="red", bold=True)


def _say_suite(name: str, count: int, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"suite": name, "problems": count}))
    else:
        click.echo(f"{name}: {counted(count, 'problem')}; run it with `atlas bench run {name}`")
