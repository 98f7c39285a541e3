"""What every part of the search adds: all arms over one suite, 3 seeds, from real inference.

    python benchmarks/ablation.py                           # the shipped suite
    python benchmarks/ablation.py --suite smallworld-s7     # one of `atlas bench make`
    python benchmarks/ablation.py --resume                  # goes on with the last unfinished run of this kind and code
    python benchmarks/ablation.py --from RUN                # the tables of a recorded run again, without any model

Arms that choose among programs do it by the same evidence, over inputs that one move makes; phase 2 adds inputs of its
own, phase 3 tests. The best-of-n arms are controls: they may generate as many tokens as the arm that they are matched
to did, on each problem (match) or on average (match_total). Writes ablation.json (everything), ablation.txt (the
tables) and headline.json (the few numbers worth quoting) to benchmarks/results/, prints the tables, then headline.json
as one line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from atlas.bench import manifest as manifests
from atlas.bench.home import runs_root
from atlas.bench.report.plain import as_data
from atlas.bench.report.table import render
from atlas.bench.run import RunResult, resume, run
from atlas.bench.scores import Against
from atlas.bench.spec import RunFiles, RunSpec, parse_arm
from atlas.bench.summary import ArmRow, Summary
from atlas.cli.watch_run import watching_run
from atlas.engine.choice import EngineChoice
from atlas.errors import UsageError

ARMS = (
    "single",
    "sampled",
    "thinking-only",
    "best-of-n:match=full",
    "best-of-n:match_total=full",
    "best-of-n:match=phase1",
    "best-of-n:match=phase1+2",
    "best-of-n:match=phase1+3",
    "phase1",
    "phase1+2",
    "phase1+3",
    "full",
)
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="smallworld")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="only the first problems of the suite")
    parser.add_argument("--resume", action="store_true", help="go on with the last unfinished run of the same kind")
    parser.add_argument("--from", dest="recorded", type=Path, help="a recorded run's folder or id; no model is asked")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    args = parser.parse_args()
    try:
        result = asyncio.run(_result(args))
    except UsageError as error:
        sys.exit(f"ablation: {error}")
    args.out.mkdir(parents=True, exist_ok=True)
    line = headline(result.summary)
    text = render(result.summary)
    _write(args.out / "ablation.json", json.dumps(_everything(result), indent=1))
    _write(args.out / "ablation.txt", text.rstrip())
    _write(args.out / "headline.json", json.dumps(line, indent=1))
    print(text)
    print(json.dumps(line))


async def _result(args: argparse.Namespace) -> RunResult:
    """The finished run: a new one, one resumed, or one recorded."""
    with watching_run(quiet=False) as watch:
        if args.recorded is not None:
            return await resume(_recorded(args.recorded), watch)
        spec = _spec(args)
        unfinished = _unfinished(spec) if args.resume else None
        return await (run(spec, watch) if unfinished is None else resume(unfinished, watch))


def _spec(args: argparse.Namespace) -> RunSpec:
    choice = EngineChoice()
    return RunSpec(
        suite=args.suite,
        arms=tuple(parse_arm(arm) for arm in ARMS),
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


def _recorded(run: Path) -> Path:
    """The folder of a run of all the arms that asks no model any more."""
    folder = run if (run / "run.json").is_file() else runs_root() / run
    files = RunFiles.at(folder)
    if not files.seal.is_file():
        raise UsageError(f"{run} is no finished run; give --resume to finish one.")
    had = {arm.name for arm in manifests.read(files).spec.arms}
    if missing := [arm for arm in map(parse_arm, ARMS) if arm.name not in had]:
        raise UsageError(f"{run} is no run of this kind; it has no arm {', '.join(arm.name for arm in missing)}.")
    return folder


def headline(summary: Summary) -> dict[str, Any]:
    """The few numbers to quote: shares in percent, differences in points with their 95% intervals."""
    rows = {row.arm: row for row in summary.rows}
    full = rows["full"]
    control = full.controls[0]
    against = {name: _points(found) for name, found in (("gain", full.against_first), ("over", control.against))}
    return {
        "greedy": _percent(rows["single"]),
        "phase1": _percent(rows["phase1"]),
        "phase12": _percent(rows["phase1+2"]),
        "phase13": _percent(rows["phase1+3"]),
        "full": _percent(full),
        "best_of_n": _percent(rows[control.arm]),
        "oracle": round(100 * full.oracle.mean, 1),
        "gain": against["gain"][0],
        "gain_low": against["gain"][1],
        "gain_high": against["gain"][2],
        "over_best_of_n": against["over"][0],
        "over_best_of_n_low": against["over"][1],
        "over_best_of_n_high": against["over"][2],
        "tokens_ratio": round(control.tokens_ratio, 3),
        "problems": summary.problems,
        "seeds": summary.seeds,
        "sampled": _percent(rows["sampled"]),
        "thinking_only": _percent(rows["thinking-only"]),
        "gap_closed": None if full.gap_closed is None else round(full.gap_closed, 3),
        "suite": summary.suite,
        "run": summary.run,
    }


def _percent(row: ArmRow) -> float:
    return round(100 * row.selected.mean, 1)


def _points(found: Against | None) -> tuple[float | None, float | None, float | None]:
    """Difference and interval; no interval where there are too few problems for one."""
    if found is None:
        return None, None, None
    if found.interval is None:
        return round(100 * found.difference, 1), None, None
    low, high = found.interval.low, found.interval.high
    return round(100 * found.difference, 1), round(100 * low, 1), round(100 * high, 1)


def _everything(result: RunResult) -> dict[str, Any]:
    files = RunFiles.at(result.root)
    found = manifests.found(files)
    return {
        "command": shlex.join(["python", "benchmarks/ablation.py", *sys.argv[1:]]),
        "manifest": json.loads(manifests.read(files).model_dump_json()),
        "engine": found.engine if found else {},
        "sandbox": found.sandbox if found else "",
        "summary": as_data(result.summary),
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
