"""What a move is given: ask the model, execute programs, read the pool. Everything goes through the tape.

Keys follow from structure: ``[scope/]problem/round/move/parent/index``. What is recorded for a key is reused; in
a replay nothing else happens. A request cut by the deadline is recorded as cut, and replays as cut.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from atlas.errors import EngineError, LLMError, ReplayError
from atlas.llm.types import Client, Message, Reply, Request, Sampling
from atlas.problem import Input, Usage
from atlas.sandbox.types import Limits, Observation, Program
from atlas.search.discarded import Fate, watched
from atlas.search.evidence import Posterior
from atlas.search.pool import Pool
from atlas.search.progress import OnEvent, Replied, ignore
from atlas.search.retry import CUT_OFF_FULL, Usable, cut_off, larger_limit, outcome, second_try
from atlas.search.settings import Settings, Tools, derived_seed
from atlas.search.wire import (
    execution_data,
    observation_data,
    observation_of,
    reply_data,
    reply_of,
    request_data,
)
from atlas.store.tape import canonical, digest

T = TypeVar("T")


def move_of(key: str) -> str:
    """The move for which ``Session.key`` made ``key``; a problem's id may hold slashes of its own."""
    return key.split("/")[-3]


def _at_most(client: Client, request: Request, fate: Fate) -> int:
    """Tokens to count for a broken-off request where nobody can tell how far the server got: all it may make."""
    if not fate.sent or fate.discarded or client.capabilities.streaming:
        return 0
    thought = 0 if request.thinking is None else request.thinking.budget
    return request.n * (request.max_tokens + thought)


class Cut(Exception):
    """The deadline came first. Raised and caught inside this room only."""


@dataclass(slots=True)
class Clock:
    """A solve's deadline on the monotonic clock. Requests stop a little before, so that what came can be run."""

    requests_until: float | None = None
    executions_until: float | None = None

    @classmethod
    def start(cls, deadline_s: float | None) -> Clock:
        """A clock that runs from now; None never ends."""
        if deadline_s is None:
            return cls()
        now = time.monotonic()
        return cls(now + deadline_s - min(0.1 * deadline_s, 3.0), now + deadline_s)

    def reached(self) -> bool:
        """Whether no more requests are made."""
        return self.requests_until is not None and time.monotonic() >= self.requests_until


async def before(until: float | None, job: Awaitable[T]) -> T:
    """Await ``job`` until that time.

    Raises:
        Cut: time is up; the job was cancelled.
    """
    if until is None:
        return await job
    cut = asyncio.timeout(until - time.monotonic())
    try:
        async with cut:
            return await job
    except TimeoutError:
        if cut.expired():
            raise Cut from None
        raise


@dataclass(slots=True)
class Session:
    """One solve in progress. ``round`` and ``standing`` (the last round's ranking) are set by the solver."""

    pool: Pool
    tools: Tools
    settings: Settings
    clock: Clock = field(default_factory=Clock)
    scope: str = ""
    on_event: OnEvent = ignore
    round: int = 0
    standing: Posterior | None = None
    usage: Usage = field(default_factory=Usage)
    reasons: Counter[str] = field(default_factory=Counter[str])
    failures: list[LLMError] = field(default_factory=list[LLMError])
    """How requests of this round failed; in a replay only the words are left."""
    answered: int = 0
    """Requests that were answered or cut, over all rounds."""
    _unwritten: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])

    def key(self, move: str, index: object, parent: str | None = None) -> str:
        """The structural key of one request or execution of this round."""
        parts = [self.pool.problem.id, str(self.round), move, parent or "-", str(index)]
        return "/".join([self.scope, *parts] if self.scope else parts)

    def request(
        self,
        messages: tuple[Message, ...],
        move: str,
        index: int,
        *,
        parent: str | None = None,
        n: int = 1,
        sampling: Sampling | None = None,
    ) -> Request:
        """A request with the run's settings and a seed derived from its place in the search."""
        seed = derived_seed(self.settings.seed, self.pool.problem.id, self.round, move, parent or "", index)
        return Request(
            messages,
            n=n,
            max_tokens=self.settings.max_tokens,
            sampling=self.settings.sampling if sampling is None else sampling,
            seed=seed,
            thinking=self.settings.thinking,
        )

    async def ask(self, key: str, request: Request, usable: Usable | None = None) -> Reply:
        """The model's answer, from the tape if it is there.

        A request that fails or is cut by the deadline gives a reply without completions and a reason. With
        ``usable``, completions that are of no use are asked for once more with up to twice the tokens; what both
        tries generated is counted, and the outcome as a reason. One that was cut off is not where the context has no
        room for more, nor one that would come out the same, as nothing but greedy decoding was asked for.

        Raises:
            ReplayError: in a replay nothing is recorded for ``key``, or for another request.
        """
        reply = await self._answered(key, request)
        if usable is None:
            return reply
        useless = [i for i, c in enumerate(reply.completions) if not usable(c)]
        if not useless:
            return reply
        limit = self._noted(f"{key}-limit", lambda: larger_limit(self.tools.client, request, reply))
        if not limit:
            whole = [i for i in useless if not cut_off(reply.completions[i])]
            self.reasons.update({CUT_OFF_FULL: len(useless) - len(whole)} if whole != useless else {})
            useless = whole
        first = [reply.completions[i] for i in useless]
        second = second_try(request, first, limit, self.settings.sampling)
        the_same = second.sampling.temperature == 0 and not request.stop and not any(map(cut_off, first))
        if not first or the_same:
            return reply
        again = await self._answered(f"{key}-retry", second)
        completions = list(reply.completions)
        for i, old, new in zip(useless, first, again.completions, strict=False):
            self.reasons[outcome(old, usable=usable(new))] += 1
            completions[i] = replace(new, tokens=new.tokens + old.tokens)
        return replace(reply, completions=tuple(completions))

    async def _answered(self, key: str, request: Request) -> Reply:
        """One exchange, recorded or live."""
        asked = digest(request_data(request))
        recorded = self.tools.tape.get("exchange", key, asked)
        if recorded is None:
            if self.tools.mode == "replay":
                raise ReplayError(f"The request {key} is not on the tape: replay a run that is complete.")
            recorded = await self._exchange(key, asked, request)
            self._record(key, asked, recorded)
        elif recorded["outcome"] == "failed":
            self.failures.append(LLMError(recorded["error"]))
        return self._count(key, recorded)

    async def _exchange(self, key: str, asked: str, request: Request) -> dict[str, Any]:
        """Ask the model: ``outcome`` is ``reply``, ``cut`` or ``failed``; what was discarded is kept beside it."""
        client = self.tools.client
        if client is None:
            raise LLMError("There is no model to ask: attach one.")
        data: dict[str, Any] = {"request": request_data(request)}
        if self.clock.reached():
            return {**data, "outcome": "cut", "discarded": [], "sent": False}
        with watched(client) as fate:
            try:
                reply = await before(self.clock.requests_until, client.complete(request))
                data |= {"outcome": "reply", "reply": reply_data(reply)}
            except Cut:
                data |= {"outcome": "cut", "sent": fate.sent, "at_most": _at_most(client, request, fate)}
            except (LLMError, EngineError) as error:
                data |= {"outcome": "failed", "error": str(error)}
                self.failures.append(error if isinstance(error, LLMError) else LLMError(str(error)))
            except asyncio.CancelledError:
                # The whole solve is broken off: the request is asked again some day, and this went to waste.
                wasted = {
                    "sent": fate.sent,
                    "discarded": [reply_data(r) for r in fate.discarded],
                    "at_most": _at_most(client, request, fate),
                }
                earlier = sum(1 for _ in self.tools.tape.records("event", f"{key}/abandoned/"))
                self.tools.tape.put("event", f"{key}/abandoned/{earlier}", asked, wasted)
                raise
            return {**data, "discarded": [reply_data(r) for r in fate.discarded]}

    def _record(self, key: str, asked: str, data: dict[str, Any]) -> None:
        if data["outcome"] == "failed":
            # Kept until the round ends well, so that a solve that came to nothing can be taken up again.
            self._unwritten.append((key, asked, data))
        else:
            self.tools.tape.put("exchange", key, asked, data)

    def _count(self, key: str, data: dict[str, Any]) -> Reply:
        """Add an exchange, live or recorded, to usage and reasons; the reply that the move sees."""
        reply = reply_of(data["reply"]) if data["outcome"] == "reply" else Reply((), 0)
        abandoned = [payload for _, payload in self.tools.tape.records("event", f"{key}/abandoned/")]
        tries = [data, *abandoned]
        for part in [reply, *(reply_of(d) for one in tries for d in one["discarded"])]:
            tokens = sum(c.tokens for c in part.completions)
            self.usage += Usage(0, tokens, part.prompt_tokens, part.cached_tokens)
        at_most = sum(one.get("at_most", 0) for one in tries)
        self.usage += Usage(sum(one.get("sent", True) for one in tries), at_most)
        if reply.estimated or at_most:
            self.reasons["a request's tokens were not told by the server and are estimated"] += 1
        if data["outcome"] == "failed":
            self.reasons[f"a request failed: {data['error']}"] += 1
            return reply
        self.answered += 1
        if data["outcome"] == "cut":
            self.reasons["a request was cut by the deadline"] += 1
        tokens = sum(c.tokens for c in reply.completions)
        self.on_event(Replied(self.pool.problem.id, move_of(key), tokens, reply.seconds, self.usage))
        return reply

    async def execute(
        self,
        key: str,
        program: Program,
        inputs: Sequence[Input],
        limits: Limits | None = None,
        *,
        fresh: bool = False,
        until_clock: bool = False,
    ) -> tuple[Observation, ...]:
        """Run ``program`` on ``inputs`` in the sandbox, or as recorded; nothing if the deadline cut it.

        Without ``limits`` the settings' own hold. ``fresh`` and ``until_clock`` are those of ``Runner.run``.

        Raises:
            ReplayError: in a replay nothing is recorded for ``key``, or for another program or other inputs.
            SandboxError: the sandbox is beyond recovery.
        """
        limits = limits or self.settings.limits
        asked = digest(execution_data(program, inputs, limits, fresh=fresh, until_clock=until_clock))
        recorded = self.tools.tape.get("observation", key, asked)
        if recorded is None:
            if self.tools.mode == "replay":
                raise ReplayError(f"The execution {key} is not on the tape: replay a run that is complete.")
            if self.tools.sandbox is None:
                raise ReplayError(f"There is no sandbox to execute {key} in: give one, or replay.")
            try:
                job = self.tools.sandbox.run(program, inputs, limits, fresh=fresh, until_clock=until_clock)
                seen = await before(self.clock.executions_until, job)
                recorded = [observation_data(o) for o in seen]
            except Cut:
                recorded = []
            self.tools.tape.put("observation", key, asked, recorded)
        self.usage += Usage(executions=len(recorded))
        if inputs and not recorded:
            self.reasons["an execution was cut by the deadline"] += 1
        return tuple(observation_of(data) for data in recorded)

    def decided(self, name: str, live: bool) -> bool:
        """A decision that depends on the clock: taken once, and from then on as the tape has it."""
        return bool(self._noted(self.key(name, "event"), lambda: live))

    def measured(self, name: str, live: float) -> float:
        """A number that depends on measured times or on the model's server, likewise."""
        return float(self._noted(self.key(name, "event"), lambda: live))

    def _noted(self, key: str, live: Callable[[], Any]) -> Any:
        """What the tape has for an event, else what ``live`` gives, from then on."""
        asked = canonical(key.rpartition("/")[2])
        recorded = self.tools.tape.get("event", key, asked)
        if recorded is None:
            if self.tools.mode == "replay":
                raise ReplayError(f"The event {key} is not on the tape: replay a run that is complete.")
            recorded = live()
            self.tools.tape.put("event", key, asked, recorded)
        return recorded

    def end_round(self) -> None:
        """Write failed requests to the tape and commit it.

        Raises:
            LLMError: no request of the solve was answered and some failed; the failures are not recorded.
        """
        if self.failures and not self.answered:
            raise self.failures[0]
        for key, asked, data in self._unwritten:
            self.tools.tape.put("exchange", key, asked, data)
        self._unwritten.clear()
        self.failures.clear()
        if self.tools.mode == "live":
            self.tools.tape.flush()
