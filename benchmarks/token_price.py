"""What an option of a request costs for each token, in a small vocabulary and in a large one."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.random_model import write

from atlas.engine.catalogue import find
from atlas.engine.nano import model_path
from atlas.engine.running import Engine, start
from atlas.engine.serving.process import Process
from atlas.gather import gather
from atlas.llm.types import Message, Request, Sampling
from atlas.llm.wire import request_body

LIKE, LAYERS = "qwen3-0.6b", 2
SLOTS, TURNS, TOKENS, REQUESTS = 4, 5, 64, 8


def priced(option: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A row for the shipped model, and one for a model with random weights and the vocabulary of ``LIKE``.

    ``option`` is what is added to a request's body, which otherwise is what the client sends but for the streaming.
    Milliseconds are the engine's processor time for a token, the median over turns, in which replies with and without
    the option follow each other.
    """
    entry = find(LIKE)
    shape = replace(entry.shape, layers=LAYERS, kv_heads=entry.shape.kv_heads[:LAYERS])
    with tempfile.TemporaryDirectory() as folder:
        large = write(Path(folder) / "large.gguf", shape, "Q8_0")
        models = {model_path(): 2048, large: shape.vocabulary}
        return [asyncio.run(_row(model, vocabulary, option, name)) for model, vocabulary in models.items()]


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as lines of text, names first."""
    columns = list(rows[0])
    return ["  ".join(columns), *("  ".join(f"{row[name]!s:>{len(name)}}" for name in columns) for row in rows)]


async def _row(model: Path, vocabulary: int, option: Mapping[str, Any], name: str) -> dict[str, Any]:
    without: list[float] = []
    with_it: list[float] = []
    async with await start(model, slots=SLOTS, context=512, server="embedded") as engine:
        await _cost(engine, -1, {})  # the first request of a process pays for more than itself
        for turn in range(TURNS):
            without.append(await _cost(engine, turn, {}))
            with_it.append(await _cost(engine, turn, option))
    before, after = statistics.median(without), statistics.median(with_it)
    return {
        "vocabulary": vocabulary,
        "ms_a_token": round(before, 2),
        f"with_{name}": round(after, 2),
        "added": round(after - before, 2),
    }


async def _cost(engine: Engine, turn: int, option: Mapping[str, Any]) -> float:
    """Processor milliseconds for a token."""
    assert engine.pid is not None
    process, transport = Process.of(engine.pid), engine.client.transport
    capabilities = replace(engine.client.capabilities, streaming=False)
    requests = [
        Request((Message("user", f"{i}: write a program that prints {turn}."),), 1, TOKENS, Sampling(0.8, 0.95), i)
        for i in range(REQUESTS)
    ]
    bodies = [{**request_body(request, capabilities), "ignore_eos": True, **option} for request in requests]
    before = process.cpu_s
    replies = await gather(transport.ask(f"{transport.base}/chat/completions", body) for body in bodies)
    after = process.cpu_s
    assert before is not None
    assert after is not None
    return 1000 * (after - before) / sum(json.loads(content)["usage"]["completion_tokens"] for content, _ in replies)
