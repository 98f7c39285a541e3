"""How far the predicted speed is from the measured one, on this machine's processor.

    python benchmarks/fit_speed.py

Models of real shapes with random weights are served by the embedded engine: the time to the first token of a prompt,
and tokens a second after it, three times each; beside them what ``atlas fit --cpu`` predicts. Other programs that
run at the same time slow down both the engine and the measurement of the machine. Prints a table, then one JSON
line; both are kept in ``benchmarks/results/``.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atlas import engine
from atlas.engine.catalogue import catalogue
from atlas.engine.fit.cards import this_cpu
from atlas.engine.fit.choose import from_gguf, plans
from atlas.engine.fit.plan import Wanted
from atlas.engine.gguf_model import read_file
from atlas.llm.types import Message, Request
from random_model import write

RESULTS = Path(__file__).parent / "results"
MODELS = (("qwen2.5-coder-0.5b", "Q4_K_M"), ("qwen3-0.6b", "Q8_0"), ("qwen3-1.7b", "Q4_K_M"))
TIMES = 3
PROMPT, GENERATED, CONTEXT = 300, 32, 1024
THREADS = os.cpu_count() or 1


async def measured(path: Path) -> dict[str, float]:
    """Seconds to the first token, and tokens a second after it; the medians. The prompt's tokens are counted."""
    firsts: list[float] = []
    speeds: list[float] = []
    tokens = 0
    async with await engine.start(path, slots=1, context=CONTEXT, threads=THREADS, server="embedded") as running:
        for i in range(TIMES):
            # Every prompt begins with a digit of its own, so that none is found in the cache.
            text = f"{i}" + "".join(chr(33 + (7 * j + i) % 90) for j in range(PROMPT))
            short = await running.client.complete(Request((Message("user", text),), max_tokens=1))
            # The same prompt again lies in the cache: what is left is one step a token.
            long = await running.client.complete(Request((Message("user", text),), max_tokens=GENERATED))
            tokens = short.prompt_tokens
            firsts.append(short.seconds)
            speeds.append(long.completions[0].tokens / long.seconds)
    return {"prompt": tokens, "first_token_s": statistics.median(firsts), "decode": statistics.median(speeds)}


def predicted(path: Path, prompt: int) -> dict[str, Any]:
    wanted = Wanted(CONTEXT, 1, prompt, 0.7, 0, 50e9)
    return asdict(plans(from_gguf(read_file(path)), wanted, [this_cpu()], ("f16",))[0].speed)


def main() -> None:
    rows: list[dict[str, Any]] = []
    lines = [f"{'model':28}{'first token, s':>24}{'tokens/s':>20}   (predicted / measured)"]
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in MODELS:
            path = write(Path(folder) / f"{name}.gguf", catalogue()[name].shape, kind)
            true = asyncio.run(measured(path))
            said = predicted(path, int(true["prompt"]))
            path.unlink()
            rows.append({"model": name, "quantization": kind, "predicted": said, "measured": true})
            pairs = [f"{said[term]:.2f} / {true[term]:.2f}" for term in ("first_token_s", "decode")]
            lines.append(f"{name + ' ' + kind:28}{pairs[0]:>24}{pairs[1]:>20}")
    print("\n".join(lines))
    ratios = {
        term: [round(r["predicted"][term] / r["measured"][term], 2) for r in rows]
        for term in ("first_token_s", "decode")
    }
    result = {"models": len(rows), "predicted_over_measured": ratios}
    RESULTS.joinpath("fit_speed.txt").write_text("\n".join(lines) + "\n")
    RESULTS.joinpath("fit_speed.json").write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
