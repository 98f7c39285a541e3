"""The text that a server makes of a chat, for servers that tell it: needed where a thought is to be continued.

llama.cpp: ``/apply-template``. vLLM: ``/tokenize`` of the chat, then ``/detokenize``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from atlas.llm.errors import BadReply
from atlas.llm.transport import Transport
from atlas.llm.types import Capabilities, Message
from atlas.llm.wire import THINK, chat_messages


class _Prompt(BaseModel):
    prompt: str


class _Tokens(BaseModel):
    tokens: list[int]


async def rendered(
    transport: Transport, capabilities: Capabilities, messages: Sequence[Message], *, thinking: bool
) -> str:
    """The prompt that the server makes of ``messages``, up to where the answer begins.

    Raises:
        BadReply: the server does not tell.
        LLMError: any of ``atlas.llm.errors``.
    """
    chat: dict[str, Any] = {
        "model": capabilities.model,
        "messages": chat_messages(messages),
        "chat_template_kwargs": {"enable_thinking": thinking},
    }
    try:
        if capabilities.server != "vllm":
            content, _ = await transport.ask(f"{transport.root}/apply-template", chat)
        else:
            content, _ = await transport.ask(f"{transport.root}/tokenize", chat)
            tokens = {"model": capabilities.model, "tokens": _Tokens.model_validate_json(content).tokens}
            content, _ = await transport.ask(f"{transport.root}/detokenize", tokens)
        return _Prompt.model_validate_json(content).prompt
    except ValidationError:
        raise BadReply(f"{transport.root} does not tell the prompt that it makes of a chat.") from None


def opens_thought(prompt: str) -> bool:
    """Whether the prompt ends inside a thought that has just begun."""
    return prompt.rstrip().endswith(THINK)


async def thinking_prompt(transport: Transport, capabilities: Capabilities, messages: Sequence[Message]) -> str:
    """The prompt of a chat with the thought opened.

    Raises:
        LLMError: any of ``atlas.llm.errors``.
    """
    prompt = await rendered(transport, capabilities, messages, thinking=True)
    return prompt if opens_thought(prompt) else f"{prompt}{THINK}\n"
