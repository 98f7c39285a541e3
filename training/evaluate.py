"""Evaluate a GGUF of the shipped model on held-out compositions, skill by skill.

    python -m training.evaluate --model src/atlas/engine/nano/nano.gguf --problems 300

Greedy replies; programs run in the sandbox on hidden tests. The seed differs from every shipped suite's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from atlas import engine
from atlas.bench.keys import Key
from atlas.bench.suites.smallworld import make
from atlas.compare.rules import equal
from atlas.llm import parse
from atlas.llm.types import Client, Message, Request
from atlas.problem import Call, FunctionProblem, Problem
from atlas.sandbox import Program, Sandbox, Status
from atlas.search import prompts
from training.wordings import reword

EVALUATION_SEED = 90_001


async def ask(client: Client, messages: tuple[Message, ...]) -> str:
    reply = await client.complete(Request(messages, max_tokens=320))
    return reply.completions[0].text


Made = tuple[Problem, Key]


def entry(problem: Problem) -> str | None:
    return problem.signature.name if isinstance(problem, FunctionProblem) else None


async def passes(sandbox: Sandbox, made: Made, reply: str) -> bool:
    problem, key = made
    code = parse.extract_program(reply, entry(problem))
    if code is None:
        return False
    seen = await sandbox.run(Program(code, entry(problem)), [t.input for t in key.tests])
    return all(
        o.status is Status.OK and equal(t.expected, o.value if isinstance(t.input, Call) else o.stdout, key.rule)
        for o, t in zip(seen, key.tests, strict=True)
    )


async def drafts(client: Client, sandbox: Sandbox, made: Made) -> bool:
    return await passes(sandbox, made, await ask(client, prompts.draft(made[0])))


async def reworded(client: Client, sandbox: Sandbox, made: Made) -> bool:
    """The same with every sentence of the template in another wording."""
    text = reword(prompts.draft(made[0])[0].content, Random(made[0].id), keep=0.0)
    return await passes(sandbox, made, await ask(client, (Message("user", text),)))


async def expects(client: Client, sandbox: Sandbox, made: Made) -> bool:
    """Whether the first of three expected outputs is right."""
    problem, key = made
    first = key.tests[0]
    reply = await ask(client, prompts.expected_outputs(problem, [t.input for t in key.tests[:3]]))
    name = entry(problem)
    if name is None:
        blocks = parse.extract_blocks(reply)
        return bool(blocks) and equal(first.expected, blocks[0], key.rule)
    asserts = parse.extract_asserts(reply, name)
    return any(call == first.input and equal(first.expected, value, key.rule) for call, value in asserts)


async def measure(made: list[Made], check: Callable[[Made], Awaitable[bool]], together: int) -> dict[str, float]:
    """Share right, in %, by difficulty, kind and examples."""
    gate, right, total = asyncio.Semaphore(together), Counter[str](), Counter[str]()

    async def one(one_made: Made) -> None:
        async with gate:
            ok = await check(one_made)
        for stratum in ("all", *one_made[0].tags.values()):
            right[stratum] += ok
            total[stratum] += 1

    await asyncio.gather(*(one(m) for m in made))
    return {s: round(100 * right[s] / total[s], 1) for s in sorted(total)}


async def evaluate(model: Path, count: int, seed: int) -> dict[str, dict[str, float]]:
    made = make(seed, count)
    async with await engine.start(model, slots=8, context=1024) as running, await Sandbox.start() as sandbox:
        client = running.client
        return {
            "draft": await measure(made, lambda m: drafts(client, sandbox, m), 8),
            "draft, reworded": await measure(made, lambda m: reworded(client, sandbox, m), 8),
            "expected output": await measure(made, lambda m: expects(client, sandbox, m), 8),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("src/atlas/engine/nano/nano.gguf"))
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--seed", type=int, default=EVALUATION_SEED)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(evaluate(args.model, args.problems, args.seed)), indent=1))


if __name__ == "__main__":
    main()
