"""The real engine with one KV cache for all slots: the queue gives out its tokens, and no request is cut off."""

from atlas import engine
from atlas.broker import Broker
from atlas.gather import gather
from atlas.llm.types import Message, Request


async def test_requests_may_be_long_and_never_overflow_the_cache() -> None:
    async with await engine.start(slots=4, kv_tokens=1024, threads=1, server="embedded") as running:
        assert running.client.capabilities.context == 1024
        broker = Broker(4, 1024)
        client = running.client.through(broker.line())
        # About 480 tokens each: no quarter of the cache would hold one, and three are too much for the whole of it.
        texts = [f"Write function {i}. " + "Return the sum of all numbers. " * 60 for i in range(5)]
        replies = await gather(client.complete(Request((Message("user", t),), max_tokens=40)) for t in texts)
        assert all(reply.prompt_tokens > 256 for reply in replies)
        assert all(reply.completions[0].tokens for reply in replies)
        assert broker.report().blocked_s > 0
