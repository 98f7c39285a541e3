"""What a draft model is worth: how fast the model is with it and without, and what `atlas fit` says of it.

    python benchmarks/speculative.py                       # the shipped model and its draft, 24 problems
    python benchmarks/speculative.py --model M.gguf --draft D.gguf --slots 1 --slots 4

The same programs are asked for greedily, by turns without and with the draft; a ratio above 1 says that the draft
pays. It is that of processor time for a token, which other programs that run at the same time hardly change; tokens a
second beside it are what the clock says. The draft guesses as many tokens at a time as `atlas up` lets it. The
prediction is shown twice: for the share of right guesses that `atlas fit` assumes, and for the one that was measured.
With several slots a reply can differ in a token: sums of another order. Prints a table, then one JSON line; both are
kept in ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from pathlib import Path

from atlas import engine
from atlas.bench.suites.smallworld import make
from atlas.engine.fit.cards import Device, this_cpu
from atlas.engine.fit.choose import Choice, from_gguf, plans
from atlas.engine.fit.plan import Plan, Wanted, draft_gain
from atlas.engine.gguf_model import read_file
from atlas.engine.nano import draft_path, model_path
from atlas.engine.serving.drafting import compare
from atlas.llm.types import Request
from atlas.search import prompts

RESULTS = Path(__file__).parent / "results"
SEED = 80_002
"""Of the problems; no shipped suite has it."""
TURNS = 3
CONTEXT, TOKENS = 1024, 320
ASSUMED = 0.7
SLOTS = (1, 4, 8)


def planned(model: Path, draft: Path, slots: int, device: Device) -> tuple[Plan, Wanted]:
    """The plan with the draft, and what it is for."""
    wanted = Wanted(CONTEXT, slots, TOKENS, ASSUMED, 0, 50e9)
    choice = Choice(from_gguf(read_file(model)).variants, from_gguf(read_file(draft)).variants)
    return next(plan for plan in plans(choice, wanted, [device], ("f16",)) if plan.draft is not None), wanted


async def measured(model: Path, draft: Path, slots: int, problems: int, device: Device) -> dict[str, object]:
    plan, wanted = planned(model, draft, slots, device)
    assert plan.draft is not None
    drafted = plan.serving.drafted

    async def start(with_draft: Path | None) -> engine.Engine:
        return await engine.start(
            model, slots=slots, context=CONTEXT, server="embedded", draft=with_draft, drafted=drafted
        )

    requests = [Request(prompts.draft(problem), max_tokens=TOKENS) for problem, _ in make(SEED, problems)]
    found = await compare(start, draft, requests, slots, turns=TURNS)
    acceptance = found.acceptance(drafted)
    as_measured = replace(wanted, acceptance=acceptance)
    known = draft_gain(plan.variant, plan.draft, plan.serving, as_measured, device, drafted)
    without, with_draft = found.speeds
    return {
        "slots": slots,
        "guesses_at_a_time": drafted,
        "tokens_per_s": round(without),
        "tokens_per_s_with_draft": round(with_draft),
        "ratio": round(found.ratio, 2),
        "speed_ratios": [round(d / p, 2) for d, p in zip(found.drafted, found.plain, strict=True)],
        "processor_ratios": [round(p / d, 2) for d, p in zip(found.drafted_cost, found.plain_cost, strict=True)],
        "right_share": round(found.share, 3),
        "acceptance": round(acceptance, 3),
        "predicted": round(plan.draft_gain or 0, 2),
        "predicted_with_measured_acceptance": round(known or 0, 2),
        "same_replies": f"{found.same} of {found.replies}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=model_path())
    parser.add_argument("--draft", type=Path, default=draft_path())
    parser.add_argument("--slots", type=int, action="append")
    parser.add_argument("--problems", type=int, default=24)
    args = parser.parse_args()
    device = this_cpu()
    rows = [
        asyncio.run(measured(args.model, args.draft, slots, args.problems, device)) for slots in args.slots or SLOTS
    ]
    columns = [name for name in rows[0] if not name.endswith("_ratios")]
    lines = ["  ".join(columns)]
    lines += ["  ".join(f"{row[name]!s:>{len(name)}}" for name in columns) for row in rows]
    print("\n".join(lines))
    result = {"model": args.model.name, "draft": args.draft.name, "turns": TURNS, "rows": rows}
    if args.model == model_path():
        RESULTS.joinpath("speculative.txt").write_text("\n".join(lines) + "\n")
        RESULTS.joinpath("speculative.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
