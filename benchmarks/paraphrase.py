"""How much the score depends on the letters of our templates: every fixed sentence of every request reworded.

    python benchmarks/paraphrase.py                      # 120 problems, single and full, 2 wordings
    python benchmarks/paraphrase.py --problems 300 --strategies single

The shipped model is trained over other wordings (training/wordings.py); these are drawn with seeds of their own, and no
sentence keeps its template's form. Both sides solve the same problems with the same seeds. Prints one line a
strategy, then one JSON line: the difference in points with its paired 95% interval. Writes paraphrase.json to
benchmarks/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.wordings import reword

from atlas.bench.judge import judge
from atlas.bench.keys import Key
from atlas.bench.stats import paired_bootstrap
from atlas.bench.suites.smallworld import make
from atlas.engine.choice import EngineChoice, opened
from atlas.llm.types import Capabilities, Client, Reply, Request
from atlas.problem import Problem
from atlas.sandbox import Sandbox
from atlas.search.schedule import load
from atlas.search.settings import Settings, Tools
from atlas.search.solver import solve
from atlas.store.tape import Tape

RESULTS = Path(__file__).parent / "results"
SEED = 80_001
"""Of the problems; no shipped suite has it."""


@dataclass(frozen=True, slots=True)
class Rewording:
    """A client whose requests are worded otherwise; which way follows from the request alone."""

    client: Client
    wording: int

    @property
    def capabilities(self) -> Capabilities:
        return self.client.capabilities

    async def complete(self, request: Request) -> Reply:
        messages = tuple(
            replace(m, content=reword(m.content, Random(f"{self.wording}-{m.content}"), keep=0.0))
            for m in request.messages
        )
        return await self.client.complete(replace(request, messages=messages))

    async def aclose(self) -> None:
        await self.client.aclose()


async def score(
    made: Sequence[tuple[Problem, Key]], strategy: str, client: Client, sandbox: Sandbox, settings: Settings
) -> list[float]:
    """1 for each problem whose answer passes the hidden tests, else 0."""
    gate = asyncio.Semaphore(8)

    async def one(problem: Problem, key: Key) -> float:
        async with gate:
            solved = await solve(problem, load(strategy), Tools(Tape.memory(), client, sandbox), settings=settings)
            code = solved.solution.code
            return 0.0 if code is None else float((await judge(sandbox, problem, key, code)).outcome == "pass")

    return list(await asyncio.gather(*(one(problem, key) for problem, key in made)))


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    choice = EngineChoice()
    made = make(SEED, args.problems)
    settings = Settings(sampling=choice.sampling, max_tokens=choice.max_tokens)
    found: dict[str, Any] = {"problems": len(made), "wordings": args.wordings}
    async with await Sandbox.start() as sandbox, opened(choice) as attached:
        for strategy in args.strategies.split(","):
            ours = await score(made, strategy, attached.client, sandbox, settings)
            others = [
                await score(made, strategy, Rewording(attached.client, n), sandbox, settings)
                for n in range(1, args.wordings + 1)
            ]
            means = [sum(column) / len(column) for column in zip(*others, strict=True)]
            paired = paired_bootstrap(ours, means)
            found[strategy] = {
                "templates": round(100 * sum(ours) / len(ours), 1),
                "reworded": [round(100 * sum(other) / len(other), 1) for other in others],
                "difference": round(100 * paired.difference, 1),
                "low": round(100 * paired.interval.low, 1),
                "high": round(100 * paired.interval.high, 1),
            }
            print(strategy, found[strategy], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=120)
    parser.add_argument("--wordings", type=int, default=2)
    parser.add_argument("--strategies", default="single,full")
    found = asyncio.run(measure(parser.parse_args()))
    RESULTS.joinpath("paraphrase.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
