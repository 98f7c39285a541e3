"""What log-probabilities are worth as evidence: what is chosen with them and without, from the same candidates.

    python benchmarks/logprobs_worth.py --limit 150                 # the shipped suite
    python benchmarks/logprobs_worth.py --from RUN                  # the table of a recorded run, without any model

One run with ``--logprobs`` of 16 drafts a problem and of ``full``. Of the drafts, 4, 8 and all are drawn (24 draws);
``full`` is taken as it is. Each is ranked twice by the search's own evidence, from the tape: with what the server said
of the tokens, and without. ``area`` is that under the curve of right against wrong candidates of one problem, of the
mean log-probability and of how often each was drawn. Differences are paired over problems, with 95% intervals of a
bootstrap. The weight was chosen on the first 150 problems of the shipped suite. Writes logprobs_worth.json and
logprobs_worth.txt to benchmarks/results/; the last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arms_run import finished, parsed, write

from atlas.bench import manifest as manifests
from atlas.bench.attempts import read
from atlas.bench.home import find_suite
from atlas.bench.spec import Arm, RunFiles, parse_arm
from atlas.bench.stats import paired_bootstrap
from atlas.bench.suites import store
from atlas.search.evidence import Array, Outcomes, posterior
from atlas.search.measure import measure
from atlas.search.settings import Settings, Tools
from atlas.search.solver import solve
from atlas.store.tape import Tape

ARMS = ("best-of-n:n=16", "full")
DRAWN = (4, 8, 16)
DRAWS = 24


@dataclass(frozen=True, slots=True)
class Known:
    """A problem's candidates (k,), the log-probabilities of each one's draws, and which are right."""

    seen: Outcomes
    logprobs: list[list[float]]
    right: Array


async def candidates(files: RunFiles, arm: Arm) -> list[Known]:
    """Of every problem of an arm whose candidates all have a verdict; from the tape."""
    manifest, graded = manifests.read(files), read(files)
    spec = manifest.spec
    settings = Settings(0, spec.sampling, spec.max_tokens, spec.thinking, logprobs=spec.logprobs)
    strategy = replace(arm.load(), confirm=False)  # who was confirmed does not matter here
    found: list[Known] = []
    with Tape.open(files.tape(arm.name, 0), readonly=True) as tape:
        for problem in store.load(find_suite(manifest.suite.name).problems).problems[: spec.limit]:
            solved = await solve(problem, strategy, Tools(tape, mode="replay"), settings=settings)
            members = solved.pool.members
            verdicts = [graded.passes(problem.id, m.candidate.program.code) for m in members]
            if members and None not in verdicts:
                logprobs = [m.logprobs for m in members]
                found.append(Known(measure(solved.pool), logprobs, np.array(verdicts, dtype=float)))
    return found


def drawn(known: Known, count: int, rng: np.random.Generator) -> Known:
    """What is seen of ``count`` of the draws."""
    draws = [(member, value) for member, values in enumerate(known.logprobs) for value in values]
    kept: dict[int, list[float]] = {}
    for place in sorted(rng.choice(len(draws), min(count, len(draws)), replace=False)):
        kept.setdefault(draws[place][0], []).append(draws[place][1])
    rows, seen = np.array(list(kept)), known.seen
    seen = replace(
        seen,
        **{name: getattr(seen, name)[rows] for name in ("examples", "outputs", "tests", "derived", "loads")},
        multiplicity=np.array([float(len(values)) for values in kept.values()]),
        logprob=np.array([float(np.mean(values)) for values in kept.values()]),
    )
    return Known(seen, list(kept.values()), known.right[rows])


def ranked(known: Known) -> list[float]:
    """Whether the choice is right and its log-loss, without log-probabilities and with them."""
    row: list[float] = []
    for seen in (replace(known.seen, logprob=None), known.seen):
        standing = posterior(seen)
        assert standing.best is not None
        right = float(known.right[standing.best])
        sure = min(max(float(standing.probability[standing.best]), 1e-3), 1 - 1e-3)
        row += [right, -float(np.log(sure if right else 1 - sure))]
    return row


def line(name: str, problems: Sequence[Known], count: int | None) -> dict[str, Any]:
    """One row of the table; ``count`` None takes all candidates as they are."""
    rng = np.random.default_rng(0)
    once = count is None or count == max(DRAWN)
    table = np.array(
        [
            np.mean([ranked(p if once else drawn(p, count, rng)) for _ in range(1 if once else DRAWS)], axis=0)
            for p in problems
        ]
    )
    chosen, loss = paired_bootstrap(table[:, 0], table[:, 2]), paired_bootstrap(table[:, 1], table[:, 3])
    return {
        "candidates": name,
        "without": round(100 * table[:, 0].mean(), 1),
        "with": round(100 * table[:, 2].mean(), 1),
        "gain": [round(100 * x, 1) for x in (chosen.difference, chosen.interval.low, chosen.interval.high)],
        "loss_without": round(table[:, 1].mean(), 3),
        "loss_change": [round(x, 3) for x in (loss.difference, loss.interval.low, loss.interval.high)],
    }


def area(problems: Sequence[Known], feature: str) -> float:
    """Share of pairs of a right and a wrong draw of one problem in which the right one has more; ties are half."""
    wins = [
        float(more > less) + 0.5 * float(more == less)
        for known in problems
        for more, less in _pairs(known, np.asarray(getattr(known.seen, feature)))
    ]
    return round(float(np.mean(wins)), 3)


def _pairs(known: Known, values: Array) -> Iterator[tuple[float, float]]:
    told = ~known.seen.derived & ~np.isnan(np.asarray(known.seen.logprob))
    wrong = values[told & (known.right == 0)]
    return ((float(a), float(b)) for a in values[told & (known.right == 1)] for b in wrong)


def main() -> None:
    args = parsed(__doc__, seeds=1)
    files = RunFiles.at(finished(args, ARMS, logprobs=True).root)
    arms = {arm.name: arm for arm in manifests.read(files).spec.arms}
    drafts, full = (asyncio.run(candidates(files, arms[parse_arm(arm).name])) for arm in ARMS)
    rows = [line(f"{k} drafts", drafts, k) for k in DRAWN] + [line("full", full, None)]
    areas = {
        f"{name}_{feature}": area(problems, feature)
        for name, problems in (("drafts", drafts), ("full", full))
        for feature in ("logprob", "multiplicity")
    }
    lines = [f"{'':<10} {'without':>8} {'with':>6} {'gain':>22} {'log-loss':>9} {'change':>28}"]
    for row in rows:
        gain, change = (
            "{:+.1f} ({:+.1f} to {:+.1f})".format(*row["gain"]),
            "{:+.3f} ({:+.3f} to {:+.3f})".format(*row["loss_change"]),
        )
        shares = f"{row['without']:>8} {row['with']:>6} {gain:>22}"
        lines.append(f"{row['candidates']:<10} {shares} {row['loss_without']:>9.3f} {change:>28}")
    lines += ["", f"{len(drafts)} problems; area: " + ", ".join(f"{name} {value}" for name, value in areas.items())]
    result = {"problems": len(drafts), "rows": rows, "area": areas}
    write(args.out, "logprobs_worth.json", json.dumps(result, indent=1))
    write(args.out, "logprobs_worth.txt", "\n".join(lines))
    print("\n".join(lines))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
