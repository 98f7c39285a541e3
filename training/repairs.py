"""Whether the shipped model's repairs of its own failures are worth more than other drafts for the same tokens.

    python -m training.repairs --model src/atlas/engine/nano/nano.gguf --problems 900

Problems whose greedy draft is a program that fails an example; the seed differs from every shipped suite's. A repair is
shown that draft with the failing example, and is judged on the hidden tests, as another draft is. Tokens are generated
ones; the prompt of a repair is longer. Of drawn ones there are ``DRAWS``, so
that a problem's score is their share; differences are paired, with 95% intervals of a bootstrap over problems. Two of
each are what the search asks for: it is enough that one of the two is right.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atlas import engine
from atlas.bench.stats import paired_bootstrap
from atlas.bench.suites.smallworld import make
from atlas.gather import gather
from atlas.llm.types import Message, Request, Sampling
from atlas.sandbox import Sandbox
from atlas.search import prompts
from training.evaluate import SLOTS, Made, Tester, parsed

SEED = 90_002
DRAWS = 4


@dataclass(frozen=True, slots=True)
class Tried:
    """Which replies are right, and the mean of their tokens."""

    right: tuple[bool, ...]
    tokens: float

    @property
    def share(self) -> float:
        return sum(self.right) / len(self.right)

    @property
    def of_two(self) -> float:
        """Chance that one of two different replies is right."""
        wrong, count = self.right.count(False), len(self.right)
        return 1.0 - wrong * (wrong - 1) / (count * (count - 1))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one failing draft."""

    greedy: Tried
    drawn: Tried
    drafts: Tried


async def tried(tester: Tester, made: Made, messages: tuple[Message, ...], sampling: Sampling, count: int) -> Tried:
    request = Request(messages, n=count, max_tokens=320, sampling=sampling, seed=1)
    completions = (await tester.client.complete(request)).completions
    right = [await tester.passes(made, c.text) for c in completions]
    return Tried(tuple(right), sum(c.tokens for c in completions) / len(completions))


async def outcome(tester: Tester, made: Made, gate: asyncio.Semaphore) -> Outcome | None:
    """None where the greedy draft fails no example, or the statement has none."""
    problem = made[0]
    async with gate:
        failed = await tester.failed(made)
        if failed is None:
            return None
        repair = prompts.repair(problem, failed[0], [failed[1]])
        return Outcome(
            greedy=await tried(tester, made, repair, Sampling(), 1),
            drawn=await tried(tester, made, repair, tester.sampling, DRAWS),
            drafts=await tried(tester, made, prompts.draft(problem), tester.sampling, DRAWS),
        )


def compared(first: Sequence[float], second: Sequence[float]) -> dict[str, float]:
    """Both means and the second's lead in percentage points."""
    paired = paired_bootstrap(first, second)
    found = {
        "drafts": sum(first) / len(first),
        "repairs": sum(second) / len(second),
        "lead": paired.difference,
        "low": paired.interval.low,
        "high": paired.interval.high,
    }
    return {name: round(100 * value, 1) for name, value in found.items()}


def report(outcomes: Sequence[Outcome]) -> dict[str, object]:
    drafts = [o.drafts.share for o in outcomes]
    count = len(outcomes)
    return {
        "failing": count,
        "one greedy repair": compared(drafts, [o.greedy.share for o in outcomes]),
        "one drawn repair": compared(drafts, [o.drawn.share for o in outcomes]),
        "two drawn repairs": compared([o.drafts.of_two for o in outcomes], [o.drawn.of_two for o in outcomes]),
        "tokens": {
            "a draft": round(sum(o.drafts.tokens for o in outcomes) / count, 1),
            "a drawn repair": round(sum(o.drawn.tokens for o in outcomes) / count, 1),
            "a greedy repair": round(sum(o.greedy.tokens for o in outcomes) / count, 1),
        },
    }


async def measure(model: Path, problems: int, seed: int, sampling: Sampling) -> dict[str, object]:
    gate = asyncio.Semaphore(SLOTS)
    async with await engine.start(model, slots=SLOTS, context=1024) as running, await Sandbox.start() as sandbox:
        tester = Tester(running.client, sandbox, sampling)
        found = await gather(outcome(tester, made, gate) for made in make(seed, problems))
    outcomes = [o for o in found if o is not None]
    if not outcomes:
        raise SystemExit("no draft failed an example: there is nothing to repair; pass more --problems")
    return report(outcomes)


def main() -> None:
    print(json.dumps(asyncio.run(measure(*parsed(__doc__, 900, SEED))), indent=1))


if __name__ == "__main__":
    main()
