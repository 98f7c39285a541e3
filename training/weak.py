"""Which single steps a model works out wrongly: ``training.data --weak`` drills those more often.

python -m training.weak --model training/out/stage1.gguf --out training/out/weak.txt
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from pathlib import Path
from random import Random

from atlas import engine
from atlas.bench.world.kinds import Bounds
from atlas.bench.world.pipeline import Pipeline
from atlas.bench.world.primitive import Primitive, Step
from atlas.bench.world.steps import all_steps
from atlas.bench.world.tasks import draw_task
from atlas.llm import parse
from atlas.llm.types import Client, Request, Sampling
from atlas.search import prompts
from training.samples import distinct

SLOTS = 8
BOUNDS = Bounds(items=(1, 6))


async def works_out(client: Client, primitive: Primitive, rng: Random) -> bool:
    """Whether the greedy reply tells the output of one step on one input."""
    task = draw_task(Pipeline((Step(primitive, primitive.draw(rng)),)), rng, function=True)
    values = distinct(task, rng, 3, BOUNDS)
    call, output = task.as_input(values[-1]), task.pipeline.output(values[-1])
    messages = prompts.expected_outputs(task.problem(primitive.name, values[:-1], {}), [call])
    reply = await client.complete(Request(messages, max_tokens=500, sampling=Sampling()))
    told = parse.extract_asserts(reply.completions[0].text, task.function or "")
    return any(asked == call and repr(value) == repr(output) for asked, value in told)


async def measure(model: Path, count: int, seed: int) -> Counter[str]:
    """How often of ``count`` each step's output is right."""
    right, gate = Counter[str](), asyncio.Semaphore(SLOTS)
    async with await engine.start(model, slots=SLOTS, context=1024) as running:

        async def one(primitive: Primitive, number: int) -> None:
            async with gate:
                rng = Random(f"weak-{seed}-{primitive.name}-{number}")
                ok = await works_out(running.client, primitive, rng)
            right[primitive.name] += ok

        await asyncio.gather(*(one(p, n) for p in all_steps().values() for n in range(count)))
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("src/atlas/engine/nano/nano.gguf"))
    parser.add_argument("--out", type=Path, default=Path("training/out/weak.txt"))
    parser.add_argument("--count", type=int, default=3, help="inputs a step")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    right = asyncio.run(measure(args.model, args.count, args.seed))
    weak = [name for name in all_steps() if right[name] <= args.count / 2]
    args.out.write_text("\n".join(weak) + "\n")
    share = sum(right.values()) / (args.count * len(all_steps()))
    print(f"right: {100 * share:.1f}%; {len(weak)} of {len(all_steps())} steps in {args.out}")


if __name__ == "__main__":
    main()
