"""A run of fixed arms for a benchmark: a new one, one that was interrupted, or one that is recorded."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlas.bench import manifest as manifests
from atlas.bench.home import runs_root
from atlas.bench.report.plain import as_data
from atlas.bench.run import RunResult, resume, run
from atlas.bench.spec import RunFiles, RunSpec, parse_arm
from atlas.bench.summary import summarize
from atlas.cli.watch_run import watching_run
from atlas.engine.choice import EngineChoice
from atlas.errors import UsageError

RESULTS = Path(__file__).parent / "results"


def parsed(description: str | None, seeds: int = 3) -> argparse.Namespace:
    """The options that every such benchmark has; ``seeds`` is the default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="smallworld")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--limit", type=int, help="only the first problems of the suite")
    parser.add_argument("--resume", action="store_true", help="go on with the last unfinished run of the same kind")
    parser.add_argument("--from", dest="recorded", type=Path, help="a recorded run's folder or id; no model is asked")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="ARM",
        help="one more arm in the same run, for another benchmark to read with --from; repeat for several",
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    return parser.parse_args()


def finished(args: argparse.Namespace, arms: Sequence[str], *, logprobs: bool = False) -> RunResult:
    """The run of ``arms`` that ``args`` ask for, done to its end; exits with a sentence where there can be none.

    In a new run arms share what they ask alike. The table is of ``arms`` alone, whatever else ran beside them.
    """
    try:
        result = asyncio.run(_result(args, [*arms, *(arm for arm in args.also if arm not in arms)], logprobs))
        return replace(result, summary=summarize(RunFiles.at(result.root), [parse_arm(arm).name for arm in arms]))
    except UsageError as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")


async def _result(args: argparse.Namespace, arms: Sequence[str], logprobs: bool) -> RunResult:
    with watching_run(quiet=False) as watch:
        if args.recorded is not None:
            return await resume(_recorded(args.recorded, arms), watch)
        spec = replace(_spec(args, arms), logprobs=logprobs, share=True)
        unfinished = _unfinished(spec) if args.resume else None
        return await (run(spec, watch) if unfinished is None else resume(unfinished, watch))


def _spec(args: argparse.Namespace, arms: Sequence[str]) -> RunSpec:
    choice = EngineChoice()
    return RunSpec(
        suite=args.suite,
        arms=tuple(parse_arm(arm) for arm in arms),
        seeds=tuple(range(args.seeds)),
        engine=choice,
        limit=args.limit,
        sampling=choice.sampling,
        max_tokens=choice.max_tokens,
    )


def _unfinished(spec: RunSpec) -> Path | None:
    """The latest run of this very code that was asked for exactly this and is not graded yet."""
    code = manifests.code_sha256()
    for folder in sorted((path.parent for path in runs_root().glob("*/run.json")), reverse=True):
        files = RunFiles.at(folder)
        if files.summary.is_file():
            continue
        manifest = manifests.read(files)
        if manifest.spec == spec and manifest.code_sha256 == code:
            return folder
    return None


def _recorded(run: Path, arms: Sequence[str]) -> Path:
    """The folder of a run of all the arms that asks no model any more."""
    folder = run if (run / "run.json").is_file() else runs_root() / run
    files = RunFiles.at(folder)
    if not files.seal.is_file():
        raise UsageError(f"{run} is no finished run; give --resume to finish one.")
    had = {arm.name for arm in manifests.read(files).spec.arms}
    if missing := [arm.name for arm in map(parse_arm, arms) if arm.name not in had]:
        raise UsageError(f"{run} is no run of this kind; it has no arm {', '.join(missing)}.")
    return folder


def everything(result: RunResult) -> dict[str, Any]:
    """The command, the manifest, what was found on the machine, and the whole table."""
    files = RunFiles.at(result.root)
    found = manifests.found(files)
    return {
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "manifest": json.loads(manifests.read(files).model_dump_json()),
        "engine": found.engine if found else {},
        "sandbox": found.sandbox if found else "",
        "summary": as_data(result.summary),
    }


def write(folder: Path, name: str, text: str) -> None:
    """``text`` with a line's end as the file ``name``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text.rstrip() + "\n", encoding="utf-8")
