"""How a model thinks, seen from a few tokens: where its thought comes, whether it can be switched, bounded, continued.

Where the server tells the prompt that it makes of a chat, the template itself says most of it.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, Field, ValidationError

from atlas.errors import LLMError
from atlas.llm.errors import AuthenticationFailed
from atlas.llm.exchange import exchange
from atlas.llm.render import opens_thought, rendered
from atlas.llm.transport import Busy, ConnectionLost, Transport
from atlas.llm.types import Capabilities, Message, Request, Thinking
from atlas.llm.wire import THINK, request_body

_CHECK_S = 60.0
_PROMPT = (Message("user", "Say ok."),)
_TOKENS = 8
_BUDGET_FIELDS = {"llama.cpp": "thinking_budget_tokens", "vllm": "thinking_token_budget"}
_ALWAYS = "The model thinks whether asked to or not: the tokens of an answer hold its thought, too."
_SHOWN = (
    "The server cannot continue a thought: one that exceeds its budget is shown in a second request that asks for "
    "the answer, and none is extended."
)


async def probe_thinking(transport: Transport, seen: Capabilities) -> Capabilities:
    """``seen`` with all that it says about thinking, a note on each lack included.

    Raises:
        LLMError: the server is down, too busy or wants a key.
    """
    prompts = await _prompts(transport, seen)
    switched = replace(seen, thinking_switch=True)
    said = await _said(transport, switched, Thinking(_TOKENS))
    if said is None:  # it knows no such switch
        switched = seen
        said = await _said(transport, seen, Thinking(_TOKENS))
    continues = prompts is not None and await _thinks_in_tags(transport, seen, prompts[0])
    if said is not None and said.thought:
        seen = replace(seen, thinking="reasoning_content")
    elif continues or (said is not None and said.tagged):
        seen = replace(seen, thinking="tags")
    else:
        return seen
    if prompts is not None:
        switch = prompts[0] != prompts[1]
    else:
        off = await _said(transport, switched, None) if switched.thinking_switch else None
        switch = off is not None and not off.thought and not off.tagged
    seen = replace(seen, thinking_switch=switch, continues=continues)
    if said is not None and said.thought:
        seen = replace(seen, thinking_budget=await _budget_field(transport, seen, said))
    notes = seen.notes
    if not seen.thinking_switch:
        notes += (_ALWAYS,)
    if not (seen.continues or seen.thinking_budget):
        notes += (_SHOWN,)
    return replace(seen, notes=notes)


class _Said(BaseModel):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def thought(self) -> str:
        """What came in a field of its own."""
        return self.reasoning_content or self.reasoning or ""

    @property
    def tagged(self) -> bool:
        """Whether the text itself begins with a thought."""
        return (self.content or "").lstrip().startswith(THINK)


class _Choice(BaseModel):
    message: _Said


class _Body(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


async def _said(transport: Transport, seen: Capabilities, thinking: Thinking | None) -> _Said | None:
    """The first tokens of a reply; None where the request is refused."""
    request = Request(_PROMPT, max_tokens=_TOKENS, thinking=thinking)
    body = request_body(request, replace(seen, streaming=False))
    try:
        content, _ = await transport.ask(f"{transport.base}/chat/completions", body, _CHECK_S)
        return _Body.model_validate_json(content).choices[0].message
    except (ConnectionLost, Busy, AuthenticationFailed):
        raise
    except (LLMError, ValidationError):
        return None


async def _prompts(transport: Transport, seen: Capabilities) -> tuple[str, str] | None:
    """The prompt with thinking on and off; None where the server does not tell."""
    try:
        on = await rendered(transport, seen, _PROMPT, thinking=True)
        return on, await rendered(transport, seen, _PROMPT, thinking=False)
    except (ConnectionLost, Busy, AuthenticationFailed):
        raise
    except LLMError:
        return None


async def _thinks_in_tags(transport: Transport, seen: Capabilities, prompt: str) -> bool:
    """Whether the prompt opens a thought in ``<think>``, or the model does, where the server completes any text."""
    try:
        reply = await exchange(transport, Request((), max_tokens=4), seen, timeout_s=_CHECK_S, prompt=prompt)
    except (ConnectionLost, Busy, AuthenticationFailed):
        raise
    except LLMError:
        return False
    return opens_thought(prompt) or reply.completions[0].text.lstrip().startswith(THINK)


async def _budget_field(transport: Transport, seen: Capabilities, unbounded: _Said) -> str:
    """The server's own bound of a thought, where it was seen to work: a shorter thought, then an answer."""
    field = _BUDGET_FIELDS.get(seen.server, "")
    if not field:
        return ""
    bounded = await _said(transport, replace(seen, thinking_budget=field), Thinking(1))
    heeded = (
        bounded is not None and len(bounded.thought) < len(unbounded.thought) and bool((bounded.content or "").strip())
    )
    return field if heeded else ""
