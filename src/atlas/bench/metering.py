"""What a run notes of its own speed and energy while it solves; nothing of it is handed over or replayed."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from atlas.bench.events import Event, OnEvent
from atlas.bench.jsonl import append_line
from atlas.bench.records import Energy, Seconds, Timing
from atlas.bench.spec import RunFiles, RunSpec
from atlas.cost.meter import idle_watts, metered
from atlas.cost.sources import Found, Source, find
from atlas.engine.choice import EngineChoice
from atlas.llm.types import Capabilities, Client, Reply, Request

STRETCH_S = 5.0
"""Time and energy of an arm are noted in stretches of this many seconds: one that is killed loses the last alone."""

_NOT_TIMED = "Arms share what they ask alike: what one alone would draw is not known."
_ELSEWHERE = "The model runs on another machine: what that one draws is not known here."


def sources_for(spec: RunSpec) -> Found:
    """What measures the machine that a run's models run on; nothing where none of them runs on this one."""
    if not spec.timed:
        return Found((), (_NOT_TIMED,))
    return sources_of(spec.engine) if spec.local else Found((), (_ELSEWHERE,))


def sources_of(engine: EngineChoice) -> Found:
    """What measures the machine that the engine runs on; nothing where that is not this one."""
    if engine.kind == "endpoint" and not is_here(engine.url):
        return Found((), (_ELSEWHERE,))
    return find()


def is_here(url: str) -> bool:
    """Whether a server's URL is this machine's own."""
    host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Metering:
    """The meters of one run, which tell their pace to whoever watches it."""

    def __init__(self, files: RunFiles, found: Found, on_event: OnEvent) -> None:
        self._files, self._found, self._on_event = files, found, on_event
        self._idle: Mapping[str, float] = {}
        self._tokens = 0

    @property
    def about(self) -> dict[str, tuple[str, ...]]:
        """What is measured and how, and what is not and why."""
        sources = tuple(f"{source.part}: {source.how}" for source in self._found.sources)
        return {"sources": sources, "missing": self._found.missing}

    async def watch_idle(self) -> None:
        """See what is drawn before the work; takes no time where nothing can be measured."""
        self._idle = await idle_watts(self._found.sources)

    @asynccontextmanager
    async def measured(self, arm: str, seed: int, *, here: bool = True) -> AsyncGenerator[None]:
        """Note how long an attempt at an arm takes and, where its model runs ``here``, what it draws."""
        noting = asyncio.create_task(self._stretches(arm, seed, self._found.sources if here else ()))
        try:
            await asyncio.sleep(0)  # it begins before the work
            yield
        finally:
            noting.cancel()
            await asyncio.wait([noting])
            if not noting.cancelled():
                noting.result()  # it failed: what it notes cannot be written

    async def _stretches(self, arm: str, seed: int, sources: Sequence[Source]) -> None:
        """Stretch after stretch, until it is cancelled."""
        while True:
            drawn, began, self._tokens = None, time.monotonic(), 0
            try:
                async with metered(sources) as drawn:
                    await asyncio.sleep(STRETCH_S)
            finally:
                seconds = time.monotonic() - began
                append_line(self._files.seconds, Seconds(arm=arm, seed=seed, seconds=seconds).model_dump())
                if drawn is not None:
                    row = Energy(
                        arm=arm,
                        seed=seed,
                        joules=drawn.joules,
                        seconds=drawn.seconds,
                        idle_watts=dict(self._idle),
                        lost=tuple(drawn.lost),
                    )
                    append_line(self._files.energy, row.model_dump())
                joules = sum(drawn.joules.values()) if drawn is not None else 0.0
                told = Event("pace", arm=arm, seed=seed, tokens=self._tokens, seconds=seconds, joules=joules)
                self._on_event(told)

    def timed(self, client: Client, arm: str, seed: int) -> Client:
        """``client``, with the times of its answered requests noted."""

        def note(first: float | None, seconds: float, reply: Reply) -> None:
            row = Timing(
                arm=arm,
                seed=seed,
                first_token_s=first,
                seconds=seconds,
                tokens=sum(c.tokens for c in reply.completions),
                completions=len(reply.completions),
                cut=sum(c.finish == "length" for c in reply.completions),
            )
            self._tokens += row.tokens
            append_line(self._files.timings, row.model_dump())

        return _Timed(client, note)


class _Timed:
    """A client that tells of every reply how long it took. All else is the client's own."""

    def __init__(self, client: Client, note: Callable[[float | None, float, Reply], None]) -> None:
        self._client, self._note = client, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def __setattr__(self, name: str, value: object) -> None:
        # Who wants to be told of discarded tokens hooks into the client that knows of them.
        owner = self if name in ("_client", "_note") else self._client
        object.__setattr__(owner, name, value)

    @property
    def capabilities(self) -> Capabilities:
        return self._client.capabilities

    async def complete(self, request: Request) -> Reply:
        began = time.monotonic()
        reply = await self._client.complete(request)
        seconds = time.monotonic() - began
        waited = max(0.0, seconds - reply.seconds)  # before the try that was answered
        self._note(None if reply.first_token_s is None else waited + reply.first_token_s, seconds, reply)
        return reply

    async def aclose(self) -> None:
        await self._client.aclose()
