"""What searching adds to a single shot: every arm over one suite, 3 seeds, from real inference.

    python benchmarks/search.py                              # the shipped suite; writes benchmarks/results/search.json
    python benchmarks/search.py --suite smallworld-s7 --out /tmp/other.json

Prints the table, then one JSON line. The result file keeps the whole summary, the manifest and the command.
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
from atlas.bench.report.plain import as_data
from atlas.bench.report.table import render
from atlas.bench.run import run
from atlas.bench.spec import RunFiles, RunSpec, parse_arm
from atlas.bench.summary import Against
from atlas.cli.watch_run import watching_run
from atlas.engine.choice import EngineChoice

ARMS = ("single", "sampled", "best-of-n", "full")


def points(against: Against | None) -> dict[str, float] | None:
    """A paired difference in points."""
    if against is None:
        return None
    return {
        "gain": round(100 * against.difference, 1),
        "low": round(100 * against.interval.low, 1),
        "high": round(100 * against.interval.high, 1),
        "p_holm": round(against.p_holm, 4),
        "problems": against.problems,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="smallworld")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "search.json")
    args = parser.parse_args()
    choice = EngineChoice()
    spec = RunSpec(
        suite=args.suite,
        arms=tuple(parse_arm(arm) for arm in ARMS),
        seeds=tuple(range(args.seeds)),
        engine=choice,
        limit=args.limit,
        sampling=choice.sampling,
        max_tokens=choice.max_tokens,
    )
    with watching_run(quiet=False) as watch:
        result = asyncio.run(run(spec, watch))
    files = RunFiles.at(result.root)
    found = manifests.found(files)
    kept: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/search.py", *sys.argv[1:]]),
        "manifest": json.loads(manifests.read(files).model_dump_json()),
        "engine": found.engine if found else {},
        "sandbox": found.sandbox if found else "",
        "summary": as_data(result.summary),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(render(result.summary))
    rows = {row.arm: row for row in result.summary.rows}
    full = rows["full"]
    line = {arm: round(100 * row.selected.mean, 1) for arm, row in rows.items()}
    line["oracle"] = round(100 * full.oracle.mean, 1)
    strata = {f"{s.tag}:{s.value}": points(s.against_first) for s in full.strata if s.tag == "examples"}
    print(json.dumps({**line, "full_vs_single": points(full.against_first), "strata": strata, "run": str(result.root)}))


if __name__ == "__main__":
    main()
