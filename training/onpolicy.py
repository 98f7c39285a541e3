"""Samples from the model's own mistakes: its wrong drafts of training problems, to repair, analyse and refine.

    python -m training.onpolicy --model training/out/stage1.gguf --tasks 6000 --out training/out/onpolicy.jsonl

Nothing is of a held-out composition. Programs run in the sandbox: here they are a model's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from atlas import engine
from atlas.bench.world.pipeline import Pipeline, draw
from atlas.bench.world.primitive import Step
from atlas.bench.world.program import Style
from atlas.bench.world.tasks import Task
from atlas.compare.rules import Rule
from atlas.llm import parse
from atlas.llm.types import Client, Request, Sampling
from atlas.problem import Example
from atlas.sandbox import Program, Sandbox
from atlas.search import prompts
from training import replies
from training.evaluate import failure, right
from training.mutants import canonical
from training.samples import EDGES, LENGTHS, Sample, Setting, distinct, pick, setting
from training.wordings import reword

LENGTHS_HARD = tuple((length, share if length > 2 else 0.0) for length, share in LENGTHS)
CHECKED = 6
"""Inputs, beside the examples, on which a draft is judged."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong draft, a failure, and in words the first step that its code lacks (empty if all are there)."""

    code: str
    failure: prompts.Failure
    fault: str


async def drafted(s: Setting, client: Client, sandbox: Sandbox, sampling: Sampling, count: int) -> list[Wrong]:
    """The wrong ones among a greedy draft and ``count`` drawn ones, each once."""
    messages = prompts.draft(s.problem)
    texts: dict[str, None] = {}
    for n, how in ((1, Sampling()), (count, sampling)):
        reply = await client.complete(Request(messages, n=n, max_tokens=320, sampling=how, seed=1))
        texts |= dict.fromkeys(c.text for c in reply.completions)
    found = [await _judged(s, text, sandbox) for text in texts]
    return [w for w in found if w is not None]


async def _judged(s: Setting, text: str, sandbox: Sandbox) -> Wrong | None:
    name = s.task.function
    code = parse.extract_program(text, name)
    if code is None:
        return None
    values = s.examples + distinct(s.task, s.rng, CHECKED, s.bounds)
    examples = [Example(s.task.as_input(v), s.task.as_output(s.task.pipeline.output(v))) for v in values]
    rule = Rule("stdout" if name is None else "exact")
    seen = await sandbox.run(Program(code, name), [e.input for e in examples])
    for observation, example in zip(seen, examples, strict=True):
        if not right(observation, example.input, example.output, rule):
            return Wrong(code, failure(observation, example), fault(s.task, code))
    return None


def fault(task: Task, code: str) -> str:
    """The first step whose code, but for its variables' names, is not in ``code``."""
    for place, step in enumerate(task.pipeline.steps, 1):
        if not _there(step, code):
            return f"Step {place}. {canonical(step)} is missing."
    edge = task.pipeline.edge
    if edge is not None and repr(edge.value) not in code:
        return f"The edge case is missing: {edge.note()}."
    return ""


def _there(step: Step, code: str) -> bool:
    """Whether one spelling of the step stands in the code with one of its variables."""
    words = {w for w in code.replace("(", " ").replace("[", " ").replace(")", " ").split() if w.isidentifier()}
    for variable in words:
        lines = [line for loop in (False, True) for line in step.lines(variable, "_", loop=loop)]
        telling = [line.removeprefix("_ = ") for line in lines if "_ = out" not in line and "out = []" not in line]
        if all(any(part in line for line in code.split("\n")) for part in telling[:1]):
            return True
    return False


def samples_of(s: Setting, wrongs: list[Wrong]) -> Iterator[Sample]:
    """What is learned from the wrong drafts of one problem."""
    rng, right_code = s.rng, replies.code(s.task, Style.STEPS)

    def made(skill: str, messages: tuple[prompts.Message, ...], reply: str) -> Sample:
        return Sample(skill, reword(messages[0].content, rng), reply)

    for wrong in wrongs:
        said = [wrong.fault] * rng.choice((1, 2, 3)) if wrong.fault and rng.random() < 0.35 else []
        yield made("repair", prompts.repair(s.problem, wrong.code, [wrong.failure], said), right_code)
        if wrong.fault and rng.random() < 0.3:
            view = rng.choice(prompts.VIEWS)
            expected = f"The result should be {wrong.failure.expected.strip()}. " if view == "trace" else ""
            request = prompts.analyse(s.problem, wrong.code, wrong.failure, view)
            yield made("analyse", request, f"{expected}{wrong.fault}")
    if len(wrongs) > 1:
        attempts = [prompts.Attempt(w.code, w.failure, w.fault if rng.random() < 0.6 else "") for w in wrongs[:2]]
        yield made("refine", prompts.refine(s.problem, attempts), right_code)


async def collect(args: argparse.Namespace) -> None:
    rng = Random(f"onpolicy-{args.seed}")
    gate = asyncio.Semaphore(8)
    done = kept = 0
    sampling = Sampling(args.temperature, 0.95)
    with args.out.open("a", encoding="utf-8") as out:
        async with await engine.start(args.model, slots=8, context=1024) as running, await Sandbox.start() as sandbox:

            async def one(pipeline: Pipeline, seed: int) -> None:
                nonlocal done, kept
                async with gate:
                    s = setting(pipeline, Random(seed))
                    wrongs = await drafted(s, running.client, sandbox, sampling, 3)
                    for sample in samples_of(s, wrongs):
                        out.write(json.dumps(asdict(sample)) + "\n")
                        kept += 1
                    done += 1
                    if done % 200 == 0:
                        out.flush()
                        print(f"{done} tasks, {kept} samples", flush=True)

            tasks: list[Any] = []
            for _ in range(args.tasks):
                pipeline = draw(rng, pick(rng, LENGTHS_HARD), want_held_out=False, edges=EDGES)
                tasks.append(one(pipeline, rng.getrandbits(60)))
            await asyncio.gather(*tasks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("training/out/stage1.gguf"))
    parser.add_argument("--out", type=Path, default=Path("training/out/onpolicy.jsonl"))
    parser.add_argument("--tasks", type=int, default=6000)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(collect(parser.parse_args()))


if __name__ == "__main__":
    main()
