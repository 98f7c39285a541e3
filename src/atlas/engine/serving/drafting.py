"""Does a draft pay? Measured with coding prompts at the parallelism in use, with it and without; remembered.

Speculative decoding (arXiv 2211.17192) is faster as long as guesses are cheap and mostly right, and as long as the
arithmetic of checking them is free; many requests at a time leave none free.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import platform
import re
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from atlas.engine.hardware import hardware
from atlas.engine.model_cache import home
from atlas.engine.running import Engine
from atlas.engine.serving.process import Process
from atlas.engine.serving.records import locked
from atlas.gather import gather
from atlas.llm.types import Message, Reply, Request

Start = Callable[[Path | None], Awaitable[Engine]]
"""Starts the model with a draft, or without one."""

_TASKS = (
    "Write a Python function that merges two sorted lists into one sorted list.",
    "Write a Python class for a least-recently-used cache with get and put in constant time.",
    "Write a Python function that parses a line of CSV with quoted fields, without the csv module.",
    "Write a Python function that finds the shortest path in a weighted graph given as a dict of dicts.",
    "Write a Python function that returns the longest common subsequence of two strings.",
    "Write a Python function that evaluates an arithmetic expression with parentheses, given as a string.",
    "Write a Python generator that yields all permutations of a list in lexicographic order.",
    "Write a Python function that validates a Sudoku board given as a list of nine strings.",
)
_LEAST_TOKENS, _MOST_TOKENS = 24, 160
_PASS_S = 8.0
"""About how long one pass may take; a slow model writes less."""
_CLOSE = 0.15
"""Nearer to 1 than this a ratio is measured again, in the other order."""
_EDGE_BYTES = 1 << 20
_TURNS = ("plain", "drafted", "plain_cost", "drafted_cost")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Tokens a second of all slots together at each turn, and what became of the guesses."""

    plain: tuple[float, ...]
    drafted: tuple[float, ...]
    plain_cost: tuple[float, ...]
    """Processor seconds of the engine for a token; empty where cards do the work, or the system does not tell."""
    drafted_cost: tuple[float, ...]
    guessed: int
    accepted: int
    same: int
    """Replies of the last turn that came out the same with the draft and without."""
    replies: int

    @property
    def ratio(self) -> float:
        """How many times faster the draft makes it, the median over turns.

        By processor time where the processor does the work: other programs, which slow down now the one way and now
        the other, do not change that.
        """
        if self.plain_cost and self.drafted_cost:
            return statistics.median(p / d for d, p in zip(self.drafted_cost, self.plain_cost, strict=True))
        return statistics.median(d / p for d, p in zip(self.drafted, self.plain, strict=True))

    @property
    def share(self) -> float:
        """Share of all guesses that were right."""
        return self.accepted / max(1, self.guessed)

    @property
    def speeds(self) -> tuple[float, float]:
        """Tokens a second without the draft and with it, the medians."""
        return statistics.median(self.plain), statistics.median(self.drafted)

    def acceptance(self, drafted: int) -> float:
        """The chance of one guess to be right where all before it were, with ``drafted`` guesses at a time.

        Guesses after a wrong one count as wrong, too, so the share is the mean of a, a², ... over a round.
        """
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            if statistics.fmean(middle**i for i in range(1, drafted + 1)) < self.share:
                low = middle
            else:
                high = middle
        return low


def coding_requests(slots: int) -> list[Request]:
    """As many as keep all slots busy, two rounds at least."""
    count = max(len(_TASKS) // 2, 2 * slots)
    texts = [f"{_TASKS[i % len(_TASKS)]}{f' Variant {i // len(_TASKS)}.' * (i >= len(_TASKS))}" for i in range(count)]
    return [Request((Message("user", text),), max_tokens=_MOST_TOKENS) for text in texts]


async def compare(
    start: Start,
    draft: Path,
    requests: Sequence[Request],
    slots: int,
    *,
    turns: int | None = None,
    on_cards: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Answer the requests greedily by turns without the draft and with it.

    ``turns`` None is one turn, or two where the first is close, with as many tokens as take some seconds.

    Raises:
        EngineError, LLMError: an engine does not start or answer.
    """
    passes: dict[bool, list[_Pass]] = {False: [], True: []}
    sent = requests
    while True:
        for with_draft in (False, True) if len(passes[True]) % 2 == 0 else (True, False):
            told(f"measuring {'with' if with_draft else 'without'} the draft")
            async with await start(draft if with_draft else None) as engine:
                warm = await engine.client.complete(replace(requests[0], max_tokens=_LEAST_TOKENS))
                if turns is None and not passes[False]:
                    most = _affordable(warm, len(requests) // slots)
                    sent = [replace(request, max_tokens=most) for request in requests]
                passes[with_draft].append(await _pass(engine, sent, slots, on_cards=on_cards))
        found = _comparison(passes[False], passes[True])
        if len(found.plain) >= (turns or (2 if abs(found.ratio - 1) < _CLOSE else 1)):
            return found


@dataclass(frozen=True, slots=True)
class _Pass:
    """All requests once: their replies, tokens a second, and processor seconds a token where they count."""

    replies: list[Reply]
    speed: float
    cost: float | None


def _comparison(plain: Sequence[_Pass], drafted: Sequence[_Pass]) -> Comparison:
    pairs = list(zip(plain[-1].replies, drafted[-1].replies, strict=True))
    return Comparison(
        plain=tuple(p.speed for p in plain),
        drafted=tuple(p.speed for p in drafted),
        plain_cost=tuple(p.cost for p in plain if p.cost),
        drafted_cost=tuple(p.cost for p in drafted if p.cost),
        guessed=sum(reply.drafted for p in drafted for reply in p.replies),
        accepted=sum(reply.accepted for p in drafted for reply in p.replies),
        same=sum(a.completions[0].text == b.completions[0].text for a, b in pairs),
        replies=len(pairs),
    )


def _affordable(warm: Reply, rounds: int) -> int:
    speed = warm.completions[0].tokens / max(warm.seconds, 1e-3)
    return max(_LEAST_TOKENS, min(_MOST_TOKENS, int(speed * _PASS_S / max(1, rounds))))


async def _pass(engine: Engine, requests: Sequence[Request], slots: int, *, on_cards: bool) -> _Pass:
    """Send all requests, ``slots`` at a time."""
    gate = asyncio.Semaphore(slots)
    process = None if on_cards or engine.pid is None else Process.of(engine.pid)

    async def one(request: Request) -> Reply:
        async with gate:
            return await engine.client.complete(request)

    before, began = process and process.cpu_s, time.monotonic()
    replies = await gather(one(request) for request in requests)
    seconds, after = time.monotonic() - began, process and process.cpu_s
    tokens = sum(c.tokens for reply in replies for c in reply.completions)
    cost = None if before is None or after is None else (after - before) / max(1, tokens)
    return _Pass(replies, tokens / seconds, cost)


@dataclass(frozen=True, slots=True)
class Case:
    """What a measurement is good for: these files, so many slots and guesses, this cache, engine and machine."""

    model: Path
    draft: Path
    slots: int
    drafted: int
    cache: str
    engine: str
    gpus: tuple[str, ...] = ()

    def key(self) -> str:
        """As one text. Files count by their size and both ends: to hash them whole takes as long as to load them."""
        files = " ".join(map(_fingerprint, (self.model, self.draft)))
        return (
            f"{files} {self.slots} {self.drafted} {self.cache} {self.engine} {_machine()} {' '.join(self.gpus)}".strip()
        )


def remembered(case: Case) -> Comparison | None:
    """What was measured for that case before."""
    found = _all().get(case.key())
    try:
        return None if found is None else Comparison(**found | {name: tuple(found[name]) for name in _TURNS})
    except (TypeError, KeyError):  # written by another version
        return None


def remember(case: Case, comparison: Comparison) -> None:
    """Keep a measurement."""
    with locked():
        path = _path()
        part = path.with_suffix(".part")
        part.write_text(json.dumps(_all() | {case.key(): asdict(comparison)}, indent=1) + "\n", encoding="utf-8")
        part.replace(path)


def _path() -> Path:
    return home() / "drafts.json"


def _all() -> dict[str, Any]:
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # nothing was measured yet
        return {}
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _fingerprint(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_EDGE_BYTES))
        file.seek(max(0, size - _EDGE_BYTES))
        digest.update(file.read())
    return f"{digest.hexdigest()[:32]}-{size}"


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.*)$", info.read_text(errors="replace"), re.M) if info.exists() else None
    return f"{model[1] if model else platform.processor()} x{hardware().cores}"
