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
from atlas.bench.suites.smallworld import MadeProblem, make
from atlas.compare.rules import Rule, equal
from atlas.llm import parse
from atlas.llm.types import Client, Message, Request
from atlas.problem import Call, FunctionProblem, Stdin
from atlas.sandbox import Program, Sandbox, Status
from atlas.search import prompts
from training.wordings import reword

EVALUATION_SEED = 90_001
STDOUT = Rule("stdout")


async def ask(client: Client, messages: tuple[Message, ...]) -> str:
    reply = await client.complete(Request(messages, max_tokens=320))
    return reply.completions[0].text


def entry(made: MadeProblem) -> str | None:
    problem = made.problem
    return problem.signature.name if isinstance(problem, FunctionProblem) else None


def rule(made: MadeProblem) -> Rule:
    return Rule() if isinstance(made.problem, FunctionProblem) else STDOUT


async def passes(sandbox: Sandbox, made: MadeProblem, code: str | None) -> bool:
    if code is None:
        return False
    program = Program(code, entry(made))
    seen = await sandbox.run(program, [i for i, _ in made.tests])
    return all(
        o.status is Status.OK and equal(want, o.value if isinstance(i, Call) else o.stdout, rule(made))
        for o, (i, want) in zip(seen, made.tests, strict=True)
    )


async def drafts(client: Client, sandbox: Sandbox, made: MadeProblem) -> bool:
    return await passes(
        sandbox, made, parse.extract_program(await ask(client, prompts.draft(made.problem)), entry(made))
    )


async def reworded(client: Client, sandbox: Sandbox, made: MadeProblem) -> bool:
    """The same with every sentence of the template in another wording."""
    text = reword(prompts.draft(made.problem)[0].content, Random(made.problem.id), keep=0.0)
    return await passes(sandbox, made, parse.extract_program(await ask(client, (Message("user", text),)), entry(made)))


async def expects(client: Client, sandbox: Sandbox, made: MadeProblem) -> bool:
    """Whether the first of three expected outputs is right."""
    tests = made.tests[:3]
    text = await ask(client, prompts.expected_outputs(made.problem, [i for i, _ in tests]))
    name = entry(made)
    if name is None:
        blocks = parse.extract_blocks(text)
        return bool(blocks) and equal(tests[0][1], blocks[0], STDOUT)
    return any(call == tests[0][0] and equal(tests[0][1], value) for call, value in parse.extract_asserts(text, name))


async def measure(
    made: list[MadeProblem], check: Callable[[MadeProblem], Awaitable[bool]], together: int
) -> dict[str, float]:
    """Share right, in %, by difficulty, kind and examples."""
    gate, right, total = asyncio.Semaphore(together), Counter[str](), Counter[str]()

    async def one(problem: MadeProblem) -> None:
        async with gate:
            ok = await check(problem)
        for stratum in ("all", *problem.problem.tags.values()):
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
