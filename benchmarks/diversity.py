"""How different the programs are that each way of asking draws, and what that is worth for the same tokens.

    python benchmarks/diversity.py                          # 60 problems of the shipped suite, 32 programs each
    python benchmarks/diversity.py --suite smallworld-s7 --problems 100 --programs 16
    python benchmarks/diversity.py --from RUN               # the tables of a recorded run again, without any model

Four arms that only draw, side by side in one run: plain sampling, DivSampling (arXiv 2502.11027), PlanSearch
(arXiv 2409.03733) and sampling after a thought. Of the recorded programs any k are a draw:

* ``behaviours``: how many different rows of outputs k programs show, those that fail to load left out;
* ``oracle``: how often any of k is right, both exact (each k-subset is as likely);
* ``selected``: how often the evidence of the search chooses a right one, over 20 draws.

First by k. Then by tokens: those that plain sampling needs for 1 to 32 programs pay for fewer of another arm, and where
that is no whole number, the line between the two next ones counts. Every request that led to a program is counted,
and shared evenly (one list of observations serves all plans). Differences to plain sampling are paired, with 95%
intervals of a bootstrap over problems. Writes diversity.json and diversity.txt to benchmarks/results/; the last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atlas.bench import manifest as manifests
from atlas.bench import records
from atlas.bench.home import runs_root
from atlas.bench.replay.peers import SELECTORS
from atlas.bench.replay.recorded import Labels, Recorded, RecordedPool, read_pool
from atlas.bench.replay.score import Budget, Way, score
from atlas.bench.run import run
from atlas.bench.spec import Arm, RunFiles, RunSpec
from atlas.bench.stats import Paired, paired_bootstrap
from atlas.cli.watch_run import watching_run
from atlas.engine.choice import EngineChoice
from atlas.errors import UsageError
from atlas.search.evidence import Array

RESULTS = Path(__file__).parent / "results"
PLAIN = "sampling"
WAYS = {
    PLAIN: 'move = "draft"\nn = {n}\ngreedy = false',
    "div_sampling": 'move = "div_sampling"\nn = {n}',
    "plan_search": 'move = "plan_search"\nplans = {n}',
    "thinking": 'move = "draft"\nn = {n}\ngreedy = false',
}
KINDS = ("behaviours", "oracle", "selected")
BUDGETS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one arm drew, the labels, and generated tokens a program."""

    pool: RecordedPool
    labels: Labels
    tokens: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="smallworld")
    parser.add_argument("--problems", type=int, default=60, help="the first of the suite")
    parser.add_argument("--programs", type=int, default=32, help="programs that each arm draws for a problem")
    parser.add_argument("--thought", type=int, default=512, help="tokens of a thought, at most")
    parser.add_argument("--from", dest="recorded", type=Path, help="a recorded run's folder or id; no model is asked")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    args = parser.parse_args()
    try:
        root = runs_root() / args.recorded if args.recorded else asyncio.run(_run(args))
        ids, drawn = _read(root)
    except UsageError as error:
        sys.exit(f"diversity: {error}")
    budgets = [k for k in BUDGETS if k <= args.programs]
    by_k = {name: _curve(arm, ids, budgets) for name, arm in drawn.items()}
    paid = {k: k * drawn[PLAIN].tokens for k in budgets}
    by_tokens = {name: _curve(arm, ids, [paid[k] / arm.tokens for k in budgets]) for name, arm in drawn.items()}
    text = "\n\n".join(
        [
            f"{len(ids)} problems, {args.programs} programs an arm; tokens a program: "
            + ", ".join(f"{name} {arm.tokens:.0f}" for name, arm in drawn.items()),
            *(_by_k(kind, budgets, by_k) for kind in KINDS),
            *(_by_tokens(kind, paid, by_tokens) for kind in KINDS),
        ]
    )
    line = _line(budgets, ids, by_tokens)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "diversity.txt").write_text(text + "\n", encoding="utf-8")
    whole = line | {
        "tokens_a_program": {name: round(arm.tokens, 1) for name, arm in drawn.items()},
        "by_k": _means(budgets, by_k),
        "by_tokens": _means(budgets, by_tokens),
    }
    (args.out / "diversity.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(text)
    print(json.dumps(line))


def arms(programs: int, thought: int) -> list[Arm]:
    """One for each way of asking, with so many programs; a thought has at most ``thought`` tokens."""
    return [
        Arm(
            name,
            name,
            toml=f'name = "{name}"\n'
            + (f"thinking = {thought}\n" if name == "thinking" else "")
            + f'\n[[rounds]]\n[[rounds.steps]]\n{way.format(n=programs)}\n[[rounds.steps]]\nmove = "inputs"\n',
        )
        for name, way in WAYS.items()
    ]


async def _run(args: argparse.Namespace) -> Path:
    choice = EngineChoice()
    spec = RunSpec(
        args.suite,
        tuple(arms(args.programs, args.thought)),
        engine=choice,
        limit=args.problems,
        sampling=choice.sampling,
        max_tokens=choice.max_tokens,
    )
    with watching_run(quiet=False) as watch:
        return (await run(spec, watch)).root


def _read(root: Path) -> tuple[list[str], dict[str, Drawn]]:
    """The ids of all problems, and what each arm drew for those of which it has any program.

    Raises:
        UsageError: it is no finished run of these arms.
    """
    files = RunFiles.at(root)
    spec = manifests.read(files).spec
    if [arm.name for arm in spec.arms] != list(WAYS):
        raise UsageError(f"{root} is no run of this kind: its arms are others.")
    found: dict[str, Drawn] = {}
    ids: dict[str, None] = {}
    for arm in spec.arms:
        pool, labels = read_pool(files.recorded / f"{arm.name}-0.jsonl.gz")
        submitted = records.submissions(files.submissions(arm.name, 0))
        tokens = sum(row.usage.generated_tokens for row in submitted.values())
        programs = sum(len(p.samples) for p in pool.problems)
        found[arm.name] = Drawn(pool, labels, tokens / programs)
        ids.update(dict.fromkeys(submitted))
    return list(ids), found


def _curve(arm: Drawn, ids: list[str], budgets: Sequence[float]) -> dict[str, list[Array]]:
    """By kind and budget a number for each problem; a problem without any program has none of anything."""
    at: dict[int, dict[str, Array]] = {0: {kind: np.zeros(len(ids)) for kind in KINDS}}
    for k in sorted({k for budget in budgets for k in (math.floor(budget), math.ceil(budget))} - {0}):
        at[k] = _at(arm, ids, k)
    return {kind: [_between(at[math.floor(b)][kind], at[math.ceil(b)][kind], b % 1) for b in budgets] for kind in KINDS}


def _between(low: Array, high: Array, share: float) -> Array:
    return (1 - share) * low + share * high


def _at(arm: Drawn, ids: list[str], k: int) -> dict[str, Array]:
    scores = score(arm.pool, arm.labels, [Way("ours", SELECTORS["ours"])], Budget(k, 0))
    chosen = {p.id: right for p, right in zip(arm.pool.problems, scores.right["ours"], strict=True)}
    groups = {p.id: (_classes(p), [int(arm.labels[p.id][p.samples].sum())]) for p in arm.pool.problems}
    drawn = {p.id: len(p.samples) for p in arm.pool.problems}

    def touched(which: int) -> Array:
        return np.array([_touched(groups[i][which], drawn[i], k) if i in groups else 0.0 for i in ids])

    selected = np.array([chosen.get(i, 0.0) for i in ids])
    return {"behaviours": touched(0), "oracle": touched(1), "selected": selected}


def _classes(problem: Recorded) -> list[int]:
    """Sizes of the groups of programs that put out the same."""
    return list(Counter(tuple(problem.outputs[u]) for u in problem.samples if problem.loads[u]).values())


def _touched(sizes: Sequence[int], n: int, k: int) -> float:
    """How many of the groups k of n draws touch, on average over all k-subsets (as unbiased pass@k counts)."""
    k = min(k, n)
    return sum(1.0 - math.comb(n - size, k) / math.comb(n, k) for size in sizes)


def _by_k(kind: str, budgets: list[int], curves: dict[str, dict[str, list[Array]]]) -> str:
    lines = [f"{kind} among k programs" + "".join(f"{k:>9}" for k in budgets)]
    for name, curve in curves.items():
        lines.append(f"{name:<{len(kind) + 17}}" + "".join(f"{_shown(kind, v):>9}" for v in curve[kind]))
    return "\n".join(lines)


def _by_tokens(kind: str, paid: dict[int, float], curves: dict[str, dict[str, list[Array]]]) -> str:
    """Each arm for the same tokens; behind it the difference to plain sampling."""
    head = f"{kind} for tokens"
    lines = [head + "".join(f"{tokens:>24.0f}" for tokens in paid.values())]
    for name, curve in curves.items():
        cells: list[str] = []
        for value, plain in zip(curve[kind], curves[PLAIN][kind], strict=True):
            over = "" if name == PLAIN else _over(kind, paired_bootstrap(plain, value))
            cells.append(f"{_shown(kind, value):>6}{over:>18}")
        lines.append(f"{name:<{len(head)}}" + "".join(cells))
    return "\n".join(lines)


def _scale(kind: str) -> float:
    return 1.0 if kind == "behaviours" else 100.0


def _shown(kind: str, values: Array) -> str:
    return f"{_scale(kind) * values.mean():.1f}"


def _over(kind: str, paired: Paired) -> str:
    by = _scale(kind)
    return f" ({by * paired.interval.low:+.1f} to {by * paired.interval.high:+.1f})"


def _means(budgets: list[int], curves: dict[str, dict[str, list[Array]]]) -> dict[str, Any]:
    return {
        name: {
            kind: {k: round(float(v.mean()), 4) for k, v in zip(budgets, curve[kind], strict=True)} for kind in KINDS
        }
        for name, curve in curves.items()
    }


def _line(budgets: list[int], ids: list[str], curves: dict[str, dict[str, list[Array]]]) -> dict[str, Any]:
    """The gains over plain sampling for the tokens of its largest draw, and of 8 programs: points, or behaviours."""
    line: dict[str, Any] = {"problems": len(ids), "programs": budgets[-1]}
    for k in sorted({min(8, budgets[-1]), budgets[-1]}):
        place = budgets.index(k)
        for name, curve in curves.items():
            for kind in KINDS if name != PLAIN else ():
                paired = paired_bootstrap(curves[PLAIN][kind][place], curve[kind][place])
                ends = (paired.difference, paired.interval.low, paired.interval.high)
                line[f"{name}_{kind}_at_{k}"] = [round(_scale(kind) * end, 2) for end in ends]
    return line


if __name__ == "__main__":
    main()
