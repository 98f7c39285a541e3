"""What the statement's examples are worth for choosing between two strong models' programs, and what ours adds.

    python benchmarks/pairs.py PAIRS.jsonl.gz

One task a line: ``candidates``, each with a ``label`` and with ``public``, what it printed on each example of the
statement and whether that was right (null where nothing was run). Ways: either program; plain filtering (any that
fails no example); the evidence of the search on the same outcomes. Intervals are 95%, from a bootstrap over tasks.
Writes benchmarks/results/pairs.json. The last line is the same JSON object; points are percent.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from atlas.bench.jsonl import read_models
from atlas.bench.replay.peers import ours, random
from atlas.bench.replay.score import hit
from atlas.bench.stats import paired_bootstrap
from atlas.search.evidence import UNKNOWN, Array, Outcomes

RESULTS = Path(__file__).resolve().parent / "results"


class Candidate(BaseModel):
    label: int
    public: list[tuple[str | None, int]] | None = None


class Task(BaseModel):
    id: str
    candidates: list[Candidate]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    args = parser.parse_args()
    tasks = [task for _, task in read_models(args.pairs, Task)]
    groups = {
        "all": tasks,
        "with examples": [t for t in tasks if shown(t)],
        "without examples": [t for t in tasks if not shown(t)],
    }
    found = {name: compared(some) for name, some in groups.items() if some}
    for name, row in found.items():
        print(f"{name} ({row['tasks']:.0f} tasks): " + ", ".join(f"{k} {v}" for k, v in row.items() if k != "tasks"))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "pairs.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))


def shown(task: Task) -> bool:
    return any(c.public for c in task.candidates)


def seen_of(task: Task) -> Outcomes:
    """The programs' outcomes on the statement's examples; nothing of their labels."""
    k, e = len(task.candidates), max((len(c.public or ()) for c in task.candidates), default=0)
    examples, outputs = np.full((k, e), UNKNOWN), np.full((k, e), UNKNOWN)
    names: dict[str | None, int] = {}
    for u, candidate in enumerate(task.candidates):
        for x, (printed, passed) in enumerate(candidate.public or ()):
            examples[u, x], outputs[u, x] = passed, names.setdefault(printed, len(names))
    alone = np.ones(k)
    return Outcomes(examples, outputs, np.zeros((k, 0)), np.zeros(0), alone, alone < 1, alone > 0)


def filtering(seen: Outcomes) -> Array:
    return (seen.examples != 0).all(axis=1).astype(np.float64)


def compared(tasks: Sequence[Task]) -> dict[str, float | list[float]]:
    labels = [np.array([c.label for c in task.candidates], dtype=np.float64) for task in tasks]
    ways = {"either": random, "filtering": filtering, "ours": ours}
    right = {
        name: np.array([hit(way, seen_of(t), label) for t, label in zip(tasks, labels, strict=True)])
        for name, way in ways.items()
    }
    row: dict[str, float | list[float]] = {"tasks": float(len(tasks))}
    row |= {name: round(100 * float(values.mean()), 2) for name, values in right.items()}
    row["oracle"] = round(100 * float(np.mean([label.max() for label in labels])), 2)
    for first, second in (("either", "filtering"), ("filtering", "ours")):
        paired = paired_bootstrap(right[first], right[second])
        cells = (paired.difference, paired.interval.low, paired.interval.high)
        row[f"{second} - {first}"] = [round(100 * cell, 2) for cell in cells]
    return row


if __name__ == "__main__":
    main()
