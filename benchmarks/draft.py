"""What a draft model is worth: how many of its guesses are right, and how fast the model is with it and without.

    python benchmarks/draft.py                       # the shipped model and its draft, 24 problems
    python benchmarks/draft.py --model M.gguf --draft D.gguf --slots 1

The same programs are asked for greedily, by turns without and with the draft, five times each; a ratio above 1 says
that the draft pays. With several slots a reply can differ in a token: sums of another order. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path

from atlas import engine
from atlas.bench.suites.smallworld import make
from atlas.engine.nano import draft_path, model_path
from atlas.gather import gather
from atlas.llm.types import Reply, Request
from atlas.search import prompts

SEED = 80_002
"""Of the problems; no shipped suite has it."""
TIMES = 5


async def timed(model: Path, draft: Path | None, slots: int, requests: list[Request]) -> tuple[float, list[Reply]]:
    """Tokens a second over all requests, and the replies."""
    async with await engine.start(model, slots=slots, context=1024, server="embedded", draft=draft) as running:
        gate = asyncio.Semaphore(slots)
        await running.client.complete(requests[0])  # what a first request costs is no matter of the draft

        async def one(request: Request) -> Reply:
            async with gate:
                return await running.client.complete(request)

        began = time.monotonic()
        replies = await gather(one(r) for r in requests)
        return sum(c.tokens for r in replies for c in r.completions) / (time.monotonic() - began), replies


async def compare(model: Path, draft: Path, slots: int, problems: int) -> dict[str, object]:
    requests = [Request(prompts.draft(problem), max_tokens=320) for problem, _ in make(SEED, problems)]
    plain: list[float] = []
    drafted: list[float] = []
    same, replies = 0, list[Reply]()
    for _ in range(TIMES):
        speed, expected = await timed(model, None, slots, requests)
        plain.append(speed)
        speed, replies = await timed(model, draft, slots, requests)
        drafted.append(speed)
        same = sum(a.completions[0].text == b.completions[0].text for a, b in zip(expected, replies, strict=True))
    return {
        "slots": slots,
        "problems": problems,
        "guessed": sum(r.drafted for r in replies),
        "accepted_share": round(sum(r.accepted for r in replies) / max(1, sum(r.drafted for r in replies)), 3),
        "same_replies": same,
        "tokens_per_s": round(statistics.median(plain)),
        "tokens_per_s_with_draft": round(statistics.median(drafted)),
        "ratio": round(statistics.median(d / p for d, p in zip(drafted, plain, strict=True)), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=model_path())
    parser.add_argument("--draft", type=Path)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--problems", type=int, default=24)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(compare(args.model, args.draft or draft_path(), args.slots, args.problems))))


if __name__ == "__main__":
    main()
