"""Evaluate a GGUF of the shipped model on held-out compositions, skill by skill.

    python -m training.evaluate --model src/atlas/engine/nano/nano.gguf --problems 300

Greedy replies, but for drawn drafts and repairs; programs run in the sandbox on hidden tests.
The seed differs from every shipped suite's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from atlas import engine
from atlas.bench.keys import HiddenTest, Key
from atlas.bench.suites.smallworld import make
from atlas.bench.world.kinds import Bounds
from atlas.bench.world.pipeline import draw
from atlas.bench.world.tasks import draw_task
from atlas.compare.rules import Rule, equal
from atlas.llm import parse
from atlas.llm.types import Client, Message, Request, Sampling, Thinking
from atlas.problem import Call, Example, FunctionProblem, Problem
from atlas.sandbox import Observation, Program, Sandbox, Status
from atlas.search import prompts
from training.samples import distinct
from training.wordings import reword

EVALUATION_SEED = 90_001
SHORT = 400
"""Tasks of two steps, and of three."""
SLOTS = 8
Made = tuple[Problem, Key]
Check = Callable[[Made], Awaitable[bool | None]]
"""Whether a reply to a problem is right; None where the question does not arise."""


@dataclass(frozen=True, slots=True)
class Tester:
    """Asks the model and runs what it wrote."""

    client: Client
    sandbox: Sandbox
    sampling: Sampling

    async def ask(self, messages: tuple[Message, ...], *, thinking: Thinking | None = None, drawn: int = 0) -> str:
        """The greedy reply, or with ``drawn`` one that is drawn with that seed."""
        sampling = self.sampling if drawn else Sampling()
        asked = Request(messages, max_tokens=600, thinking=thinking, sampling=sampling, seed=drawn or None)
        return (await self.client.complete(asked)).completions[0].text

    async def observed(self, problem: Problem, reply: str, tests: Sequence[HiddenTest | Example]) -> list[Observation]:
        code = parse.extract_program(reply, entry(problem))
        if code is None:
            return []
        return list(await self.sandbox.run(Program(code, entry(problem)), [t.input for t in tests]))

    async def passes(self, made: Made, reply: str) -> bool:
        problem, key = made
        seen = await self.observed(problem, reply, key.tests)
        return bool(seen) and all(right(o, t.input, t.expected, key.rule) for o, t in zip(seen, key.tests, strict=True))

    async def drafts(self, made: Made) -> bool:
        return await self.passes(made, await self.ask(prompts.draft(made[0])))

    async def reworded(self, made: Made) -> bool:
        """The same with every sentence of the template in another wording."""
        text = reword(prompts.draft(made[0])[0].content, Random(made[0].id), keep=0.0)
        return await self.passes(made, await self.ask((Message("user", text),)))

    async def drawn(self, made: Made) -> bool:
        return await self.passes(made, await self.ask(prompts.draft(made[0]), drawn=1))

    async def thinks(self, made: Made) -> bool:
        return await self.passes(made, await self.ask(prompts.draft(made[0]), thinking=Thinking(160)))

    async def plans(self, made: Made) -> bool:
        plan = await self.ask(prompts.plan(made[0]))
        return await self.passes(made, await self.ask(prompts.draft(made[0], plan=plan)))

    async def expects(self, made: Made) -> bool:
        """Whether the first of two expected outputs is right."""
        problem, key = made
        first = key.tests[0]
        reply = await self.ask(prompts.expected_outputs(problem, [t.input for t in key.tests[:2]]))
        name = entry(problem)
        if name is None:
            blocks = parse.extract_blocks(reply)
            return bool(blocks) and equal(first.expected, blocks[0], key.rule)
        asserts = parse.extract_asserts(reply, name)
        return any(call == first.input and equal(first.expected, value, key.rule) for call, value in asserts)

    async def failed(self, made: Made) -> tuple[str, prompts.Failure] | None:
        """The greedy program and the example that it fails, where it fails one."""
        problem, key = made
        reply = await self.ask(prompts.draft(problem))
        code = parse.extract_program(reply, entry(problem))
        for seen, example in zip(await self.observed(problem, reply, problem.examples), problem.examples, strict=False):
            if code is not None and not right(seen, example.input, example.output, key.rule):
                return code, failure(seen, example)
        return None

    async def repairs(self, made: Made) -> bool | None:
        return await self._repaired(made, drawn=1)

    async def repairs_greedily(self, made: Made) -> bool | None:
        return await self._repaired(made, drawn=0)

    async def _repaired(self, made: Made, *, drawn: int) -> bool | None:
        failed = await self.failed(made)
        if failed is None:
            return None
        return await self.passes(made, await self.ask(prompts.repair(made[0], failed[0], [failed[1]]), drawn=drawn))

    async def repairs_analysed(self, made: Made) -> bool | None:
        failed = await self.failed(made)
        if failed is None:
            return None
        said = [await self.ask(prompts.analyse(made[0], *failed, view)) for view in prompts.VIEWS]
        return await self.passes(made, await self.ask(prompts.repair(made[0], failed[0], [failed[1]], said), drawn=1))

    async def resamples(self, made: Made) -> bool | None:
        """Another draft where the greedy one failed: what a repair must beat."""
        return None if await self.failed(made) is None else await self.drawn(made)


def entry(problem: Problem) -> str | None:
    return problem.signature.name if isinstance(problem, FunctionProblem) else None


def right(seen: Observation, given: Any, expected: Any, rule: Rule) -> bool:
    return seen.status is Status.OK and equal(expected, seen.value if isinstance(given, Call) else seen.stdout, rule)


def failure(seen: Observation, example: Example) -> prompts.Failure:
    stdin = not isinstance(example.input, Call)
    if seen.status is not Status.OK:
        got = seen.error or seen.status.value
    else:
        got = seen.stdout if stdin else repr(seen.value)
    return prompts.Failure(example.input, got, example.output if stdin else repr(example.output))


def short_tasks(seed: int, length: int, count: int) -> list[Made]:
    """Held-out compositions of another length than the suite's, as functions with two examples."""
    rng, bounds = Random(f"short-{seed}-{length}"), Bounds(items=(1, 6))
    made: list[Made] = []
    for index in range(count):
        task = draw_task(draw(rng, length, want_held_out=True), rng, function=True)
        values = distinct(task, rng, 4, bounds)
        tests = tuple(HiddenTest(task.as_input(v), task.pipeline.output(v)) for v in values[2:])
        problem = task.problem(f"short-{length}-{index}", values[:2], {"difficulty": f"{length} steps"})
        made.append((problem, Key(problem.id, Rule("exact"), tests)))
    return made


async def measure(made: list[Made], check: Check) -> dict[str, float]:
    """Share right, in %, by difficulty, kind, examples and order; ``asked`` is how many it is a share of."""
    gate, right, total = asyncio.Semaphore(SLOTS), Counter[str](), Counter[str]()

    async def one(one_made: Made) -> None:
        async with gate:
            ok = await check(one_made)
        if ok is None:
            return
        for stratum in ("all", *(f"{tag} {value}" for tag, value in one_made[0].tags.items())):
            right[stratum] += ok
            total[stratum] += 1

    await asyncio.gather(*(one(m) for m in made))
    return {"asked": total["all"], **{s: round(100 * right[s] / total[s], 1) for s in sorted(total)}}


async def evaluate(model: Path, count: int, seed: int, sampling: Sampling) -> dict[str, dict[str, float]]:
    made = make(seed, count)
    async with await engine.start(model, slots=SLOTS, context=1024) as running, await Sandbox.start() as sandbox:
        tester = Tester(running.client, sandbox, sampling)
        checks: dict[str, tuple[list[Made], Check]] = {
            "draft": (made, tester.drafts),
            "draft, reworded": (made, tester.reworded),
            "draft, drawn": (made, tester.drawn),
            "draft after thinking": (made, tester.thinks),
            "draft from its plan": (made, tester.plans),
            "expected output": (made, tester.expects),
            "expected output, 2 steps": (short_tasks(seed, 2, SHORT), tester.expects),
            "expected output, 3 steps": (short_tasks(seed, 3, SHORT), tester.expects),
            "repair of its own failure": (made, tester.repairs),
            "repair of its own failure, greedy": (made, tester.repairs_greedily),
            "repair after analyses": (made, tester.repairs_analysed),
            "another draft instead": (made, tester.resamples),
        }
        return {name: await measure(problems, check) for name, (problems, check) in checks.items()}


def parsed(description: str | None, problems: int, seed: int) -> tuple[Path, int, int, Sampling]:
    """The model, how many problems of which seed, and how replies are drawn, from the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("src/atlas/engine/nano/nano.gguf"))
    parser.add_argument("--problems", type=int, default=problems)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--temperature", type=float, default=0.8)
    args = parser.parse_args()
    return args.model, args.problems, args.seed, Sampling(args.temperature, 0.95)


def main() -> None:
    print(json.dumps(asyncio.run(evaluate(*parsed(__doc__, 300, EVALUATION_SEED))), indent=1))


if __name__ == "__main__":
    main()
