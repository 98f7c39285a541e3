"""The embedded engine for real: a tiny model in llama.cpp, in a child process, over HTTP."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from atlas.engine import Engine, start
from atlas.errors import EngineError, UsageError
from atlas.llm.errors import ContextExceeded
from atlas.llm.types import Message, Reply, Request, Sampling

HELLO = (Message("user", "hello there, the inner world"),)
WARM = Sampling(temperature=1.0)


@pytest.fixture
async def engine(tiny_model: Path) -> AsyncIterator[Engine]:
    async with await start(tiny_model, slots=4, context=512, threads=1, server="embedded") as running:
        yield running


def texts(reply: Reply) -> list[str]:
    return [c.text for c in reply.completions]


async def generated_so_far(engine: Engine) -> int:
    """llama.cpp's own count of generated tokens."""
    transport = engine.client._transport
    content, _ = await transport.ask(f"{transport.root}/metrics")
    found = re.search(rb"^llamacpp:tokens_predicted_total (\d+)", content, re.MULTILINE)
    assert found
    return int(found[1])


async def test_it_attaches_with_everything_it_has(engine: Engine, tiny_model: Path) -> None:
    seen = engine.client.capabilities
    assert (seen.server, seen.model, seen.context, seen.slots) == ("llama.cpp", "tiny", 512, 4)
    assert seen.n
    assert seen.seed
    assert seen.streaming
    assert seen.json_schema
    assert seen.logprobs
    assert seen.tokenize
    assert seen.notes == ()
    described = engine.describe()
    assert described["kind"] == "embedded"
    assert described["model"] == "tiny.gguf"
    assert re.fullmatch(r"[0-9a-f]{64}", described["sha256"])
    assert described["quantization"] == "F32"
    assert str(tiny_model.parent) not in repr(described)


async def test_several_completions_evaluate_the_prompt_once(engine: Engine) -> None:
    before = await generated_so_far(engine)
    reply = await engine.client.complete(Request(HELLO, n=4, max_tokens=60, sampling=WARM, seed=3))
    assert len(set(texts(reply))) == 4
    assert reply.prompt_tokens == 26
    assert not reply.estimated
    assert all(0 < c.tokens <= 60 for c in reply.completions)
    assert {c.finish for c in reply.completions} <= {"stop", "length"}
    assert all(c.tokens == 60 for c in reply.completions if c.finish == "length")
    # Every choice's count is exact: together they are what llama.cpp says it generated.
    assert sum(c.tokens for c in reply.completions) == await generated_so_far(engine) - before
    again = await engine.client.complete(Request(HELLO, n=4, max_tokens=1, sampling=WARM, seed=3))
    assert again.cached_tokens == 25


async def test_one_seed_one_answer(engine: Engine) -> None:
    first, again, other = [
        texts(await engine.client.complete(Request(HELLO, max_tokens=40, sampling=WARM, seed=seed)))
        for seed in (1, 1, 2)
    ]
    assert first == again != other


async def test_greedy_needs_no_seed(engine: Engine) -> None:
    replies = [await engine.client.complete(Request(HELLO, max_tokens=30)) for _ in range(2)]
    assert texts(replies[0]) == texts(replies[1])


async def test_a_stop_string_ends_a_completion(engine: Engine) -> None:
    request = Request(HELLO, max_tokens=60, sampling=WARM, seed=3)
    (whole,) = (await engine.client.complete(request)).completions
    letter = next(c for c in whole.text[5:] if c.isascii())
    stopped = Request(HELLO, max_tokens=60, sampling=WARM, seed=3, stop=(letter,))
    (cut,) = (await engine.client.complete(stopped)).completions
    assert cut.text == whole.text.partition(letter)[0]
    assert cut.finish == "stop"


async def test_more_completions_than_slots(engine: Engine) -> None:
    reply = await engine.client.complete(Request(HELLO, n=10, max_tokens=5, sampling=WARM, seed=1))
    assert len(reply.completions) == 10


async def test_requests_at_the_same_time(engine: Engine) -> None:
    requests = [Request(HELLO, n=2, max_tokens=20, sampling=WARM, seed=i) for i in range(12)]
    replies = await asyncio.gather(*(engine.client.complete(r) for r in requests))
    assert [len(r.completions) for r in replies] == [2] * 12


async def test_a_prompt_that_is_too_long_is_an_error_with_counts(engine: Engine) -> None:
    with pytest.raises(ContextExceeded) as caught:
        await engine.client.complete(Request((Message("user", "x" * 600),)))
    assert (caught.value.prompt_tokens, caught.value.limit) == (603, 512)


async def test_a_completion_ends_with_the_context(engine: Engine) -> None:
    request = Request((Message("user", "x" * 480),), max_tokens=10_000, sampling=WARM, seed=5)
    (completion,) = (await engine.client.complete(request)).completions
    assert completion.tokens <= 32


async def test_nobody_else_can_use_it(engine: Engine) -> None:
    root = engine.client._transport.root
    assert root.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient(trust_env=False, verify=False) as stranger:
        assert (await stranger.get(f"{root}/health")).status_code == 200
        assert (await stranger.get(f"{root}/slots")).status_code == 401
        assert (await stranger.post(f"{root}/v1/chat/completions", json={})).status_code == 401
    key = engine.client._transport._http.headers["authorization"].removeprefix("Bearer ")
    for secret in (Path(f"/proc/{engine.pid}/cmdline"), Path(f"/proc/{engine.pid}/environ")):
        assert key.encode() not in secret.read_bytes()
    assert key not in repr(vars(engine)) + repr(engine.describe()) + "".join(engine.log)


async def test_cancelled_tokens_are_told(engine: Engine) -> None:
    told: list[Reply] = []
    engine.client.on_discarded = lambda request, reply: told.append(reply)
    tasks = [
        asyncio.create_task(engine.client.complete(Request(HELLO, n=4, max_tokens=400, sampling=WARM, seed=i)))
        for i in range(30)
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(c.finish in ("cancelled", "stop", "length") for r in told for c in r.completions)
    reply = await engine.client.complete(Request(HELLO, max_tokens=3))
    assert len(reply.completions) == 1


async def test_killed_in_mid_request_it_is_restarted_and_the_request_completes(engine: Engine) -> None:
    requests = [Request(HELLO, n=4, max_tokens=400, sampling=WARM, seed=i) for i in range(8)]
    tasks = [asyncio.create_task(engine.client.complete(r)) for r in requests]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    replies = await asyncio.gather(*tasks)
    assert all(len(r.completions) == 4 for r in replies)
    assert engine.pid != first
    (event,) = engine.events
    assert "SIGKILL" in event
    assert "restarted" in event


async def test_restarts_are_bounded(tiny_model: Path) -> None:
    async with await start(tiny_model, slots=1, context=256, threads=1, server="embedded", restarts=1) as engine:
        for _ in range(2):
            assert engine.pid is not None
            os.kill(engine.pid, signal.SIGKILL)
            try:
                await engine.client.complete(Request(HELLO, max_tokens=2))
            except EngineError as e:
                error = str(e)
        assert "not restarted again" in error
        with pytest.raises(EngineError, match="not restarted again"):
            await engine.client.complete(Request(HELLO, max_tokens=2))
        assert len(engine.events) == 1


async def test_stopping_ends_the_process_and_its_requests(tiny_model: Path, gone: Callable[[int], bool]) -> None:
    engine = await start(tiny_model, slots=2, context=1024, threads=1, server="embedded")
    pid = engine.pid
    assert pid is not None
    task = asyncio.create_task(engine.client.complete(Request(HELLO, n=2, max_tokens=900, sampling=WARM, seed=1)))
    await asyncio.sleep(0.01)
    await engine.aclose()
    await engine.aclose()
    assert gone(pid)
    assert engine.pid is None
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(outcome, EngineError | Reply)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_orphan_when_the_parent_dies(tiny_model: Path, gone: Callable[[int], bool], how: signal.Signals) -> None:
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom atlas.engine import start\n"
        "async def main():\n"
        "    engine = await start(Path(sys.argv[1]), slots=1, context=256, threads=1, server='embedded')\n"
        "    print(engine.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tiny_model)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid, within_s=0.05)
        parent.send_signal(how)
        assert gone(pid)


def altered(model: Path, path: Path) -> Path:
    path.write_bytes(model.read_bytes().replace(b"llama", b"llamz"))
    return path


async def test_a_model_that_llama_cpp_refuses_is_one_sentence(tiny_model: Path, tmp_path: Path) -> None:
    strange = altered(tiny_model, tmp_path / "strange.gguf")
    with pytest.raises(EngineError, match="unknown model architecture: 'llamz'") as caught:
        await start(strange, slots=1, server="embedded")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments", [{"slots": 0}, {"slots": 1000}, {"context": 10_000_000}, {"context": 1}, {"threads": 0}]
)
async def test_absurd_sizes_are_refused(tiny_model: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        await start(tiny_model, server="embedded", **arguments)


async def test_a_broken_installation_is_said(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "xllamacpp.py"
    module.write_text("raise ImportError('libnonsuch.so.9: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"libnonsuch\.so\.9.*reinstall xllamacpp"):
        await start(tiny_model, slots=1, server="embedded")


def engine_children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(p) for p in listed if b"atlas.engine.child" in Path(f"/proc/{p}/cmdline").read_bytes()]


async def test_being_cancelled_while_loading_leaves_nothing(tiny_model: Path, gone: Callable[[int], bool]) -> None:
    task = asyncio.create_task(start(tiny_model, slots=1, server="embedded"))
    children: list[int] = []
    while not children:
        await asyncio.sleep(0.005)
        children = engine_children()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(gone(pid) for pid in children)
