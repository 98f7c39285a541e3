"""Thinking budgets: over real HTTP with scripted servers, and on the real engine with a model that plays a part."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from chain_model import write_chain_model
from scripted_server import ScriptedServer

from atlas.engine import Engine, start
from atlas.errors import LLMError
from atlas.llm.client import OpenAIClient, attach
from atlas.llm.types import Completion, Message, Reply, Request, Thinking
from atlas.llm.wire import split_thought

GO = (Message("user", "Go"),)
THOUGHT = " ".join(f"t{i}" for i in range(20))


def ask(thinking: Thinking | None, n: int = 1, max_tokens: int = 6) -> Request:
    return Request(GO, n=n, max_tokens=max_tokens, thinking=thinking, seed=5)


async def attached(server: ScriptedServer) -> OpenAIClient:
    return await attach(server.url, backoff_s=0.001)


def answer(body: Mapping[str, Any], index: int) -> str:
    return f"answer {index}"


# The server bounds a thought itself, or nothing continues one.


async def test_a_model_that_does_not_think_is_asked_as_ever(server: ScriptedServer) -> None:
    client = await attached(server)
    assert client.capabilities.thinking == "none"
    reply = await client.complete(ask(Thinking(5, 2)))
    assert reply.completions == (Completion("ok", "stop", 1, ""),)
    await client.aclose()


@pytest.mark.parametrize("style", ["reasoning_content", "tags"])
async def test_the_thought_is_shown_where_it_cannot_be_continued(server: ScriptedServer, style: Any) -> None:
    server.thought, server.thought_as, server.switch = THOUGHT, style, "yes"
    server.answer = answer
    client = await attached(server)
    seen = client.capabilities
    assert (seen.thinking, seen.thinking_switch, seen.continues, seen.thinking_budget) == (style, True, False, "")
    assert [note for note in seen.notes if "second request" in note]

    off = await client.complete(ask(None))
    assert off.completions == (Completion("answer 0", "stop", 2),)
    assert server.requests[-1]["chat_template_kwargs"] == {"enable_thinking": False}

    long = (await client.complete(ask(Thinking(40)))).completions[0]
    assert (long.text.strip(), long.finish, long.reasoning) == ("answer 0", "stop", THOUGHT)

    before = len(server.requests)
    capped = await client.complete(ask(Thinking(7), n=2))
    assert [c.text for c in capped.completions] == ["answer 0", "answer 0"]  # each choice in a request of its own
    thought = capped.completions[0].reasoning
    assert thought.startswith("t0")
    assert "t7" not in thought
    assert [c.tokens for c in capped.completions] == [9, 9]  # the thought and the answer
    first, *rest = server.requests[before:]
    assert first["max_tokens"] == 7
    assert [r["max_tokens"] for r in rest] == [6, 6]
    assert all(r["chat_template_kwargs"] == {"enable_thinking": False} for r in rest)
    assert all(r["messages"][1] == {"role": "assistant", "content": thought} for r in rest)
    assert len({r["seed"] for r in [first, *rest]}) == 3
    await client.aclose()


async def test_a_model_that_always_thinks_is_said_to(server: ScriptedServer) -> None:
    server.thought, server.switch = THOUGHT, "rejected"
    client = await attached(server)
    assert (client.capabilities.thinking, client.capabilities.thinking_switch) == ("reasoning_content", False)
    assert any("whether asked to or not" in note for note in client.capabilities.notes)
    assert (await client.complete(ask(None, max_tokens=4))).completions[0] == Completion("", "length", 4, "t0 t1 t2 t3")
    assert all("chat_template_kwargs" not in body for body in server.requests[-1:])
    await client.aclose()


async def test_a_servers_own_budget_needs_one_request(server: ScriptedServer) -> None:
    server.thought, server.switch, server.budget_field = THOUGHT, "yes", "thinking_token_budget"
    server.pages = {"/version": {"version": "0.30"}}
    server.answer = answer
    client = await attached(server)
    assert client.capabilities.thinking_budget == "thinking_token_budget"
    before = len(server.requests)
    reply = await client.complete(ask(Thinking(3), n=2))
    assert reply.completions == (
        Completion("answer 0", "stop", 5, "t0 t1 t2"),
        Completion("answer 1", "stop", 5, "t0 t1 t2"),
    )
    (sent,) = server.requests[before:]
    assert (sent["thinking_token_budget"], sent["max_tokens"]) == (3, 9)
    await client.aclose()


async def test_a_budget_that_is_ignored_is_not_relied_on(server: ScriptedServer) -> None:
    server.thought, server.switch = THOUGHT, "yes"
    server.pages = {"/version": {"version": "0.30"}}
    client = await attached(server)
    assert client.capabilities.thinking_budget == ""
    await client.aclose()


# vLLM as it is: the prompt by way of its tokens.


def continued(prompt: str) -> str:
    """A model that thinks four words and answers; after Wait two more."""
    thought = prompt.rpartition("<think>")[2]
    if "</think>" in thought:
        return "\n\nthe answer"
    return " w0 w1</think>\nno" if thought.endswith("Wait") else " t0 t1 t2 t3</think>\nno"


def vllm(server: ScriptedServer) -> None:
    prompts = {True: "[go]<think>\n", False: "[go]"}
    server.pages = {
        "/version": {"version": "0.30"},
        "/tokenize": lambda body: {"tokens": [int(body.get("chat_template_kwargs", {}).get("enable_thinking", 0))]},
        "/detokenize": lambda body: {"prompt": prompts[bool(body["tokens"][0])]},
    }
    server.complete = continued


async def test_a_thought_is_extended_and_closed_where_a_text_can_be_continued(server: ScriptedServer) -> None:
    vllm(server)
    client = await attached(server)
    seen = client.capabilities
    assert (seen.server, seen.thinking, seen.thinking_switch, seen.continues) == ("vllm", "tags", True, True)
    assert seen.notes == ()
    before = len(server.completions)
    reply = await client.complete(ask(Thinking(50, 1)))
    assert reply.completions[0] == Completion("the answer", "stop", 5 + 3 + 2, "t0 t1 t2 t3\nWait w0 w1")
    sent = server.completions[before:]
    assert [body["prompt"] for body in sent] == [
        "[go]<think>\n",
        "[go]<think>\n t0 t1 t2 t3\nWait",
        "[go]<think>\n t0 t1 t2 t3\nWait w0 w1\n</think>",
    ]
    assert [body["max_tokens"] for body in sent] == [50, 45, 6]
    assert [body.get("stop") for body in sent] == [["</think>"], ["</think>"], None]
    assert all(body["add_special_tokens"] is False for body in sent)
    assert reply.prompt_tokens == 2 + 6 + 9  # every part's prompt; blanks at the end are a token
    await client.aclose()


async def test_a_thought_is_cut_at_its_budget(server: ScriptedServer) -> None:
    vllm(server)
    client = await attached(server)
    reply = await client.complete(ask(Thinking(2, 3), n=2))
    assert reply.completions == (Completion("the answer", "stop", 4, "t0 t1"),) * 2
    assert not any("Wait" in body["prompt"] for body in server.completions)
    await client.aclose()


async def test_a_stop_word_that_is_not_heeded_ends_the_thought_all_the_same(server: ScriptedServer) -> None:
    vllm(server)
    client = await attached(server)
    server.complete = lambda prompt: continued(prompt).replace("</think>", " </think>", 1)
    reply = await client.complete(Request(GO, max_tokens=6, thinking=Thinking(50), stop=("never",)))
    assert (reply.completions[0].text, reply.completions[0].reasoning) == ("the answer", "t0 t1 t2 t3")
    await client.aclose()


async def test_what_was_thought_is_counted_when_the_answer_fails(server: ScriptedServer) -> None:
    vllm(server)
    client = await attached(server)
    lost: list[Reply] = []
    client.on_discarded = lambda request, partial: lost.append(partial)

    def fails(prompt: str) -> str:
        if "</think>" in prompt:
            server.fail_next(400)
        return continued(prompt)

    server.complete = fails
    with pytest.raises(LLMError):
        await client.complete(ask(Thinking(50)))
    assert [(c.finish, c.tokens) for r in lost for c in r.completions] == [("cancelled", 5)]
    await client.aclose()


@pytest.mark.parametrize(("budget", "extend"), [(0, 0), (-1, 0), (5, -1)])
def test_an_absurd_budget_is_an_error(budget: int, extend: int) -> None:
    with pytest.raises(ValueError, match="budget"):
        Thinking(budget, extend)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("plain", "", "plain"),
        ("<think>\na\n</think>\n\nb", "a", "b"),
        ("a</think>b", "a", "b"),
        ("<think>a", "a", ""),
        (" \n<think>a</think>b</think>c", "a</think>b", "c"),
        ("", "", ""),
    ],
)
def test_thought_and_answer_are_told_apart(text: str, thought: str, answer: str) -> None:
    assert split_thought(text) == (thought, answer)


# The real engine, with the kinds of templates that there are.

MESSAGES = (
    "{% for m in messages %}{{ '<|assistant|>' if m['role'] == 'assistant' else '<|user|>' }}"
    "{% if m['reasoning_content'] %}<think>\n{{ m['reasoning_content'] }}\n</think>\n\n{% endif %}"
    "{{ m['content'] }}<|end|>{% endfor %}"
)
TEMPLATES = {
    "opened when asked": MESSAGES.replace(
        "{% if m['reasoning_content'] %}<think>\n{{ m['reasoning_content'] }}\n</think>\n\n{% endif %}", ""
    )
    + "{% if add_generation_prompt %}<|assistant|>{% if enable_thinking %}<think>\n{% endif %}{% endif %}",
    "always opened": MESSAGES.replace(
        "{% if m['reasoning_content'] %}<think>\n{{ m['reasoning_content'] }}\n</think>\n\n{% endif %}", ""
    )
    + "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}",
    "closed when not asked": MESSAGES
    + "{% if add_generation_prompt %}<|assistant|>{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}",
}
FOLLOWS = {
    "\n": " t0",
    " t0": " t1",
    " t1": " t2",
    " t2": "</think>",
    "Wait": " w0",
    " w0": " w1",
    " w1": "</think>",
    "</think>": "\n\n",
    "\n\n": "answer",
    "answer": " done",
    "<think>": "\n",
}


@pytest.fixture(params=TEMPLATES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, Engine]]:
    first = {"closed when not asked": "<think>", "opened when asked": "\n\n", "always opened": "\n\n"}
    follows = {**FOLLOWS, "<|assistant|>": first[request.param]}
    model = write_chain_model(tmp_path / "chain.gguf", TEMPLATES[request.param], follows)
    async with await start(model, slots=2, context=256, threads=1, server="embedded") as running:
        yield request.param, running


async def test_the_engine_thinks_as_long_as_it_may(engine: tuple[str, Engine]) -> None:
    kind, running = engine
    client = running.client
    seen = client.capabilities
    assert seen.continues
    assert seen.thinking_switch == (kind != "always opened")
    assert seen.thinking == ("reasoning_content" if kind == "closed when not asked" else "tags")
    assert seen.thinking_budget == ("thinking_budget_tokens" if kind == "closed when not asked" else "")

    async def said(thinking: Thinking | None, n: int = 1) -> list[tuple[str, str]]:
        reply = await client.complete(ask(thinking, n, 20))
        assert all(c.finish == "stop" for c in reply.completions)
        return [(c.reasoning.strip(), c.text.strip()) for c in reply.completions]

    whole = "t0 t1 t2"
    assert await said(None) == [("" if seen.thinking_switch else whole, "answer done")]
    assert await said(Thinking(50)) == [(whole, "answer done")]
    assert await said(Thinking(50, 2)) == [(f"{whole}\nWait w0 w1\nWait w0 w1", "answer done")]
    assert await said(Thinking(5, 3)) == [(f"{whole}\nWait w0", "answer done")]
    (short, text), again = await said(Thinking(2), n=2)
    assert again == (short, text)
    assert whole.startswith(short) and short != whole  # noqa: PT018  (a server may count the line end, too)
    assert text == "answer done"


async def test_a_thought_leaves_room_for_the_answer(engine: tuple[str, Engine]) -> None:
    _, running = engine
    reply = await running.client.complete(ask(Thinking(10_000, 1), max_tokens=20))
    assert reply.completions[0].text.strip() == "answer done"
