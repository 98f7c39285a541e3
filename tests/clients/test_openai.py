"""The official SDK of OpenAI, unchanged but for its base address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest
from e2e_statements import EASY
from model_server import ModelServer
from pydantic import BaseModel
from serving import Serving

CALL = [
    {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1,'}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": ' "b": 2}'}}]},
]
WHOLE_CALL = [
    {"tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}]}
]
PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
TOOL: Any = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": PARAMETERS}}
ASKED: Any = [{"role": "user", "content": EASY}]
HELLO: Any = [{"role": "user", "content": "Hello"}]
PROGRAM: Any = [{"role": "user", "content": "Write a Python function that sorts numbers."}]


class Sum(BaseModel):
    total: int


Client = Callable[[Serving], openai.OpenAI]


@pytest.fixture
def client() -> Iterator[Client]:
    with ExitStack() as opened:
        yield lambda served: opened.enter_context(
            openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)
        )


def test_a_task_is_solved_and_its_cost_is_known(client: Client, shipped: Serving):
    answer = client(shipped).chat.completions.create(model="atlas", messages=ASKED)
    assert (answer.choices[0].message.content or "").startswith("```python\ndef solve(")
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert (answer.model_extra or {})["atlas"]["confidence"] > 0.5


def test_a_stream_shows_progress_and_then_the_answer(client: Client, shipped: Serving):
    thoughts, texts, last = "", "", None
    stream = client(shipped).chat.completions.create(
        model="atlas-best", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        for choice in chunk.choices:
            thoughts += (choice.delta.model_extra or {}).get("reasoning_content") or ""
            texts += choice.delta.content or ""
        last = chunk
    assert thoughts.startswith("Round 1: draft")
    assert texts.startswith("```python\ndef solve(")
    assert last is not None
    assert last.usage is not None
    assert last.usage.total_tokens > 0


async def test_asynchronously(shipped: Serving):
    async with openai.AsyncOpenAI(base_url=f"{shipped.url}/v1", api_key="none") as asynchronous:
        names = [model.id async for model in asynchronous.models.list()]
        assert names == ["atlas-fast", "atlas", "atlas-best", "nano"]
        stream = await asynchronous.chat.completions.create(
            model="nano", messages=PROGRAM, stream=True, max_tokens=5, temperature=0
        )
        chunks = [chunk async for chunk in stream]
        assert chunks[-1].choices[0].finish_reason == "length"
        completion = await asynchronous.completions.create(model="nano", prompt="def", max_tokens=3, temperature=0)
        assert completion.choices[0].text


def test_the_model_calls_a_tool(client: Client, served: Serving, model: ModelServer):
    model.answer, model.finish = lambda body: CALL if body.get("stream") else WHOLE_CALL, "tool_calls"
    openai_client = client(served)
    whole = openai_client.chat.completions.create(model="atlas", messages=ASKED, tools=[TOOL])
    assert whole.choices[0].finish_reason == "tool_calls"
    (call,) = whole.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"a": 1, "b": 2}
    with openai_client.chat.completions.stream(model="atlas", messages=ASKED, tools=[TOOL]) as stream:
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or ()
    assert (call.id, call.function.name) == ("call_1", "add")
    assert call.function.arguments == '{"a": 1, "b": 2}'
    assert model.chats[0]["tools"] == [TOOL]


def test_an_answer_has_the_form_that_was_asked_for(client: Client, served: Serving, model: ModelServer):
    model.answer = lambda body: ['{"total": 3}']
    parsed = client(served).chat.completions.parse(model="atlas", messages=HELLO, response_format=Sum)
    assert parsed.choices[0].message.parsed == Sum(total=3)
    assert model.chats[0]["response_format"]["json_schema"]["name"] == "Sum"


def test_embeddings(client: Client, served: Serving):
    found = client(served).embeddings.create(model="scripted", input="Hello", encoding_format="float")
    assert found.data[0].embedding == [0.5, 1.0]


def test_errors_are_the_sdk_s_own(client: Client, served: Serving, model: ModelServer):
    openai_client = client(served)
    with pytest.raises(openai.NotFoundError) as missing:
        openai_client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="takes no suffix"):
        openai_client.completions.create(model="scripted", prompt="a", suffix="b")
    model.answer = lambda body: 429
    with pytest.raises(openai.RateLimitError):
        openai_client.chat.completions.create(model="scripted", messages=HELLO)


def test_a_response(client: Client, shipped: Serving):
    found = client(shipped).responses.create(model="atlas", input=EASY)
    assert found.status == "completed"
    assert found.output_text.startswith("```python\ndef solve(")
    assert [item.type for item in found.output] == ["reasoning", "message"]
    assert found.usage is not None
    assert found.usage.output_tokens > 0


def test_a_streamed_response_with_a_tool(client: Client, served: Serving, model: ModelServer):
    model.answer, model.finish = lambda body: ["Let me see.", *CALL], "tool_calls"
    tool: Any = {"type": "function", "name": "add", "parameters": PARAMETERS, "strict": False}
    with client(served).responses.stream(model="atlas", input="What is 1 + 2?", tools=[tool]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert "response.function_call_arguments.done" in kinds
    assert kinds[-1] == "response.completed"
    text, call = final.output
    assert final.output_text == "Let me see."
    assert text.type == "message"
    assert call.type == "function_call"
    assert (call.call_id, call.arguments) == ("call_1", '{"a": 1, "b": 2}')
    model.answer, model.finish = lambda body: ["Three."], "stop"
    history: Any = [
        {"role": "user", "content": "What is 1 + 2?"},
        {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a": 1, "b": 2}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "3"},
    ]
    assert client(served).responses.create(model="atlas", input=history, tools=[tool]).output_text == "Three."
    assert [m["role"] for m in model.chats[-1]["messages"]] == ["user", "assistant", "tool"]


def test_a_response_has_the_form_that_was_asked_for(client: Client, served: Serving, model: ModelServer):
    model.answer = lambda body: ['{"total": 3}']
    assert client(served).responses.parse(model="atlas", input="Hi", text_format=Sum).output_parsed == Sum(total=3)


def test_nothing_is_stored(client: Client, served: Serving):
    with pytest.raises(openai.BadRequestError, match="not stored"):
        client(served).responses.create(model="atlas", input="Hi", previous_response_id="resp_1")
