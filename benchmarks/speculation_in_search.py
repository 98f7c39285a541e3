"""What guessing ahead is worth inside a search: its wall time with and without, and what each kind of request gains.

    python benchmarks/speculation_in_search.py     # the shipped model, 80 problems, two turns: half an hour
    python benchmarks/speculation_in_search.py --model M.gguf --draft D.gguf --slots 4 --problems 40

Three ways, by turns and then in the other order: no guesses, a draft model's (arXiv 2211.17192), and prompt lookup's,
which guesses that what followed the same tokens before follows again. Each solves the same problems with the same
seeds, many in flight, through the queue, so that requests meet each other in batches as they do in use. The strategy is
``full`` with everything on, so that every kind of request occurs. Then the requests of the first search are sent once
more, a kind at a time, as many at once as there are slots:

* ``draft``: programs, and the plans before them;
* ``tests``: inputs and expected outputs;
* ``repair``: analyses of a failure, and the program written again;
* ``edit``: another try after two that are shown (``refine``), nearly all of which repeats what is shown.

Where the processor does the work, a ratio is that of processor time for a token, which other programs that run at the
same time change less than the clock; else of tokens a second. Above 1 guessing pays. Writes speculation_in_search.json
and .txt to ``benchmarks/results/`` for the shipped model; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from atlas.bench.suites.smallworld import make
from atlas.broker import Broker
from atlas.engine.nano import draft_path, model_path, recommended
from atlas.engine.running import Engine, start
from atlas.engine.serving.process import Process
from atlas.gather import gather
from atlas.llm.types import Message, Reply, Request, Sampling
from atlas.problem import Problem
from atlas.sandbox import Sandbox
from atlas.search.schedule import load
from atlas.search.session import move_of
from atlas.search.settings import Settings, Tools
from atlas.search.solver import solve
from atlas.search.wire import reply_of
from atlas.store.tape import Tape

RESULTS = Path(__file__).parent / "results"
SEED = 80_007
"""Of the problems; no shipped suite has it."""
WAYS = ("plain", "draft", "lookup")
STRATEGY = {"contests": 1, "checks": 1, "views": 1, "refinements": 1}
KINDS: Mapping[str, tuple[str, ...]] = {
    "draft": ("draft", "div_sampling", "plan_search"),
    "tests": ("inputs", "distinguish", "self_tests"),
    "repair": ("repair",),
    "edit": ("refine",),
}
SEARCH = "whole search"


@dataclass(frozen=True, slots=True)
class Measured:
    """One way, one turn. ``cpu_s`` is the engine's, None where it is not told; ``right`` of the ``guessed`` tokens."""

    seconds: float
    cpu_s: float | None
    requests: int
    tokens: int
    guessed: int
    right: int

    @property
    def cost(self) -> float:
        """Seconds for a token: of the processor where they are known, else on the clock."""
        return (self.seconds if self.cpu_s is None else self.cpu_s) / max(1, self.tokens)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """The clock and the engine's processor time since its making."""

    process: Process | None
    began: float
    cpu_before: float | None

    @classmethod
    def of(cls, engine: Engine, *, on_cards: bool) -> Stopwatch:
        process = None if on_cards or engine.pid is None else Process.of(engine.pid)
        return cls(process, time.monotonic(), process and process.cpu_s)

    def measured(self, replies: Sequence[Reply]) -> Measured:
        seconds, after = time.monotonic() - self.began, self.process and self.process.cpu_s
        return Measured(
            seconds,
            None if after is None or self.cpu_before is None else after - self.cpu_before,
            len(replies),
            sum(c.tokens for reply in replies for c in reply.completions),
            sum(reply.drafted for reply in replies),
            sum(reply.accepted for reply in replies),
        )


async def searched(
    engine: Engine, sandbox: Sandbox, problems: Sequence[Problem], args: argparse.Namespace
) -> tuple[Measured, dict[str, list[Request]]]:
    """The search over ``problems``, and its requests by kind."""
    client = engine.client.through(Broker(args.slots).line())
    advice = recommended()
    settings = Settings(0, Sampling(advice.temperature, advice.top_p), advice.max_tokens)
    gate = asyncio.Semaphore(args.in_flight)
    watch = Stopwatch.of(engine, on_cards=args.on_cards)
    with Tape.memory() as tape:

        async def one(problem: Problem) -> None:
            async with gate:
                await solve(problem, load("full", **STRATEGY), Tools(tape, client, sandbox), settings=settings)

        await gather(one(problem) for problem in problems)
        records = [(key, data) for key, data in tape.records("exchange") if data["outcome"] == "reply"]
        found = watch.measured([reply_of(data["reply"]) for _, data in records])
    asked = {
        kind: [_request(data["request"]) for key, data in records if move_of(key) in moves]
        for kind, moves in KINDS.items()
    }
    return found, asked


def _request(data: Mapping[str, Any]) -> Request:
    """A recorded request."""
    messages = tuple(Message(**message) for message in data["messages"])
    return Request(messages, data["n"], data["max_tokens"], Sampling(**data["sampling"]), data["seed"])


async def again(engine: Engine, requests: Sequence[Request], args: argparse.Namespace) -> Measured:
    """All of one kind, through a queue of their own."""
    client = engine.client.through(Broker(args.slots).line())
    watch = Stopwatch.of(engine, on_cards=args.on_cards)
    return watch.measured(await gather(client.complete(request) for request in requests))


async def measure(args: argparse.Namespace) -> dict[str, dict[str, list[Measured]]]:
    """By kind (the whole search among them) and way, a measurement each turn."""
    problems = [problem for problem, _ in make(SEED, args.problems)]
    found: dict[str, dict[str, list[Measured]]] = {kind: {way: [] for way in WAYS} for kind in (SEARCH, *KINDS)}
    asked: dict[str, list[Request]] = {}
    async with await Sandbox.start() as sandbox:
        for turn in range(args.turns):
            for way in WAYS if turn % 2 == 0 else WAYS[::-1]:
                print(f"{time.strftime('%H:%M:%S')} turn {turn + 1}: {way}", file=sys.stderr)
                async with await started(way, args) as engine:
                    whole, requests = await searched(engine, sandbox, problems, args)
                    found[SEARCH][way].append(whole)
                    asked = asked or {kind: some[: args.requests] for kind, some in requests.items()}
                    for kind, some in asked.items():
                        found[kind][way].append(await again(engine, some, args))
    return found


async def started(way: str, args: argparse.Namespace) -> Engine:
    return await start(
        args.model,
        slots=args.slots,
        context=args.context,
        draft=args.draft if way == "draft" else None,
        drafted=args.drafted,
        lookup=way == "lookup",
    )


def row(kind: str, way: str, found: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """What one way is worth for one kind of request."""
    ours, plain = found[way], found["plain"]
    guessed = sum(m.guessed for m in ours)
    return {
        "kind": kind,
        "way": way,
        "requests": ours[0].requests,
        "tokens": round(statistics.fmean(m.tokens for m in ours)),
        "seconds": round(statistics.median(m.seconds for m in ours), 1),
        "ms_a_token": round(1000 * statistics.median(m.cost for m in ours), 3),
        "ratio": round(statistics.median(p.cost / m.cost for p, m in zip(plain, ours, strict=True)), 2),
        "least": round(min(p.cost / m.cost for p, m in zip(plain, ours, strict=True)), 2),
        "clock_ratio": round(statistics.median(_by_clock(p, m) for p, m in zip(plain, ours, strict=True)), 2),
        "guessed_share": round(guessed / max(1, sum(m.tokens for m in ours)), 2),
        "right_share": round(sum(m.right for m in ours) / max(1, guessed), 2),
    }


def _by_clock(plain: Measured, ours: Measured) -> float:
    """How many times as many tokens a second."""
    return (ours.tokens / ours.seconds) / (plain.tokens / plain.seconds)


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """Where guessing pays, and so what the default should be. It pays for a kind where it did in every turn."""
    kinds = [f"{r['way']} for {r['kind']} ({r['ratio']} x)" for r in rows if r["least"] > 1 and r["kind"] != SEARCH]
    whole = [r for r in rows if r["kind"] == SEARCH and r["way"] != "plain"]
    best = max(whole, key=lambda r: float(r["ratio"]))
    pays = f"Guessing pays: {best['way']}" if best["least"] > 1 else "Guessing does not pay, and stays off"
    return f"{pays} ({best['ratio']} x over the whole search at best). By kind: {', '.join(kinds) or 'nowhere'}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=model_path())
    parser.add_argument("--draft", type=Path, default=draft_path())
    parser.add_argument("--drafted", type=int, default=1, help="tokens that the draft guesses at a time")
    parser.add_argument("--problems", type=int, default=80, help="80 unless told")
    parser.add_argument("--requests", type=int, default=80, help="of each kind that are sent once more, at most")
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--context", type=int, default=recommended().context)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--on-cards", action="store_true", help="the clock counts: the work is not the processor's")
    args = parser.parse_args()
    found = asyncio.run(measure(args))
    rows = [row(kind, way, found[kind]) for kind in found for way in WAYS if found[kind]["plain"][0].tokens]
    columns = list(rows[0])
    lines = ["  ".join(columns)]
    lines += [
        "  ".join(f"{r[name]!s:>{max(len(name), 12 if name == 'kind' else 0)}}" for name in columns) for r in rows
    ]
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}, this benchmark's own included"
    lines += [
        "",
        f"{args.problems} problems, {args.in_flight} in flight, {args.slots} slots, {args.turns} turns; {load}",
    ]
    lines.append(verdict(rows))
    line = {f"{r['way']}_{r['kind'].split()[-1]}": r["ratio"] for r in rows if r["way"] != "plain"}
    if args.model == model_path():
        turns = {kind: {way: [asdict(m) for m in ms] for way, ms in ways.items()} for kind, ways in found.items()}
        data = {"headline": line, "rows": rows, "turns": turns}
        RESULTS.joinpath("speculation_in_search.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        RESULTS.joinpath("speculation_in_search.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(json.dumps(line))


if __name__ == "__main__":
    main()
