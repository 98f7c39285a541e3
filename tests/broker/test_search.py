"""Searches through the queue, over real HTTP with a paced endpoint: what is sent, what is found, what is recorded."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pytest
import pytest_asyncio
from benchmarks.paced_endpoint import PacedEndpoint

from atlas.bench.suites.smallworld import make
from atlas.broker import Broker
from atlas.errors import LLMError
from atlas.gather import gather
from atlas.llm.client import OpenAIClient, attach
from atlas.llm.gate import Turn
from atlas.llm.types import Message, Reply, Request
from atlas.problem import Problem
from atlas.sandbox import Sandbox
from atlas.search.pool import Pool
from atlas.search.schedule import load
from atlas.search.session import Clock, Session
from atlas.search.settings import Settings, Tools
from atlas.search.solver import Solved, solve
from atlas.store.tape import Tape

PROBLEMS = [problem for problem, _ in make(70_011, 2)]
KEY = "a/0/draft/-/0"


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with await Sandbox.start(2) as started:
        yield started


@pytest_asyncio.fixture
async def endpoint() -> AsyncGenerator[PacedEndpoint]:
    async with PacedEndpoint(slots=8, tokens_per_s=5000).listening() as listening:
        yield listening


@pytest_asyncio.fixture
async def client(endpoint: PacedEndpoint) -> AsyncGenerator[OpenAIClient]:
    attached = await attach(endpoint.url)
    endpoint.requests.clear()
    yield attached
    await attached.aclose()


async def found(problems: list[Problem], client: OpenAIClient, broker: Broker, sandbox: Sandbox) -> dict[str, Solved]:
    with Tape.memory() as tape:
        tools = Tools(tape, client.through(broker.line()), sandbox)
        solved = await gather(solve(p, load("full", drafts=3, plans=1, variants=1), tools) for p in problems)
    return {s.pool.problem.id: s for s in solved}


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_found_does_not_hang_on_when_it_was_asked(sandbox: Sandbox) -> None:
    """One slot or eight, problems in another order, scarce KV cells, another pace: the same submissions."""
    answers: list[dict[str, object]] = []
    for slots, kv, pace, order in ((8, None, 5000, 1), (1, None, 20000, -1), (5, 3000, 2000, 1)):
        async with PacedEndpoint(slots, pace).listening() as endpoint:
            client = await attach(endpoint.url)
            solved = await found(PROBLEMS[::order], client, Broker(slots, kv), sandbox)
            await client.aclose()
        answers.append(
            {
                name: (
                    s.solution.code,
                    s.solution.confidence,
                    s.solution.usage.generated_tokens,
                    [(m.candidate.id, m.candidate.code, m.completions) for m in s.pool.members],
                )
                for name, s in sorted(solved.items())
            }
        )
    assert answers[0] == answers[1] == answers[2]


async def test_one_request_for_several_completions(client: OpenAIClient, endpoint: PacedEndpoint) -> None:
    broker = Broker(8)
    ask = Request((Message("user", "hello"),), n=5, seed=3)
    reply = await client.through(broker.line()).complete(ask)
    alone = await gather(client.complete(Request(ask.messages, seed=3 + i)) for i in range(5))
    assert [c.text for c in reply.completions] == [r.completions[0].text for r in alone]
    assert endpoint.requests[0]["n"] == 5
    assert broker.report().completions == 5
    assert broker.report().prompts == 1


async def test_the_parts_of_a_split_request_are_those_of_the_whole(client: OpenAIClient) -> None:
    ask = Request((Message("user", "hello"),), n=5, seed=3)
    whole = await client.complete(ask)
    split = await client.through(Broker(2).line()).complete(ask)
    assert split.completions == whole.completions
    assert split.prompts > whole.prompts == 1
    assert split.prompt_tokens == split.prompts * whole.prompt_tokens


async def test_a_failure_frees_the_slots(client: OpenAIClient) -> None:
    broker = Broker(2)
    with pytest.raises(LLMError):
        await client.through(broker.line()).complete(Request((Message("user", "x"),), n=4, max_tokens=-1))
    assert broker.busy == 0


def session(tape: Tape, client: OpenAIClient, *, deadline_s: float | None = None) -> Session:
    return Session(Pool(PROBLEMS[0]), Tools(tape, client), Settings(), Clock.start(deadline_s))


@pytest.fixture
def ask() -> Request:
    return Request((Message("user", "hello"),), n=2)


async def test_what_the_deadline_cut_in_the_queue_cost_nothing(
    client: OpenAIClient, endpoint: PacedEndpoint, ask: Request
) -> None:
    broker = Broker(1)
    queued = client.through(broker.line())
    with Tape.memory() as tape, broker.line().place(ask, None) as place:
        turn = await place.turn(1)  # the only slot is taken
        live = session(tape, queued, deadline_s=0.05)
        assert not (await live.ask(KEY, ask)).completions
        turn.close()
        assert endpoint.requests == []
        assert live.usage.requests == live.usage.generated_tokens == 0
        again = session(tape, queued)
        again.tools = Tools(tape, mode="replay")
        await again.ask(KEY, ask)
        assert (again.usage, again.reasons) == (live.usage, live.reasons)
        ((_, record),) = tape.records("exchange")
        assert (record["outcome"], record["sent"]) == ("cut", False)


async def test_a_solve_broken_off_in_the_queue_cost_nothing(client: OpenAIClient, ask: Request) -> None:
    broker = Broker(1)
    queued = client.through(broker.line())
    with Tape.memory() as tape:
        with broker.line().place(ask, None) as place:
            turn = await place.turn(1)
            task = asyncio.create_task(session(tape, queued).ask(KEY, ask))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            turn.close()
        await check_broken_off(tape, queued, ask, sent=False)
    assert broker.report().withdrawn == 1


@dataclass
class OneOnly:
    """A gate that lets one completion through, and no other."""

    over: asyncio.Event
    choices: int = 1
    given: bool = False

    def place(self, request: Request, thought: str | None) -> AbstractContextManager["OneOnly"]:
        return nullcontext(self)

    async def turn(self, at_most: int, *, whole: bool = False) -> Turn:
        if self.given:
            await asyncio.Event().wait()
        self.given = True
        return self

    def ended(self) -> None:
        pass

    def close(self, reply: Reply | None = None) -> None:
        self.over.set()


async def test_a_solve_broken_off_half_way_is_on_the_tape_with_what_it_cost(client: OpenAIClient, ask: Request) -> None:
    over = asyncio.Event()
    with Tape.memory() as tape:
        task = asyncio.create_task(session(tape, client.through(OneOnly(over))).ask(KEY, ask))
        await over.wait()
        task.cancel()
        await asyncio.wait([task])
        await check_broken_off(tape, client, ask, sent=True)


async def check_broken_off(tape: Tape, client: OpenAIClient, ask: Request, *, sent: bool) -> None:
    """It is on the tape, and who takes the solve up again pays for both."""
    ((_, record),) = tape.records("event")
    assert record["sent"] is sent
    assert bool(record["discarded"]) is sent
    later = session(tape, client)
    reply = await later.ask(KEY, ask)
    wasted = sum(c["tokens"] for r in record["discarded"] for c in r["completions"])
    assert later.usage.requests == 1 + sent
    assert later.usage.generated_tokens == sum(c.tokens for c in reply.completions) + wasted
