"""How a request to a model server fails.

LLMError (atlas.errors)
├── ServerUnreachable      no connection, a lost connection, or no answer in time
├── AuthenticationFailed   the server wants an API key, or another one
├── RequestRejected        the server refuses this request; sending it again is no use
├── ContextExceeded        the prompt does not fit into the model's context; nothing was cut
├── ServerFailed           the server's own failure, or too busy after several tries
└── BadReply               what came back is not a chat completion
"""

from __future__ import annotations

from atlas.errors import LLMError


class ServerUnreachable(LLMError):
    """No connection could be made, it was lost, or the server did not answer in time."""


class AuthenticationFailed(LLMError):
    """The server answered 401 or 403."""


class RequestRejected(LLMError):
    """The server refuses the request as it is. ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ContextExceeded(LLMError):
    """The prompt is longer than the context. Both counts are tokens, None where the server does not tell."""

    def __init__(self, prompt_tokens: int | None, limit: int | None) -> None:
        self.prompt_tokens = prompt_tokens
        self.limit = limit
        prompt = "The prompt" if prompt_tokens is None else f"The prompt of {prompt_tokens} tokens"
        context = "the model's context" if limit is None else f"the model's context of {limit} tokens"
        super().__init__(f"{prompt} does not fit into {context}: shorten it or start the server with more.")


class ServerFailed(LLMError):
    """The server failed (5xx) or stayed too busy (429, 503). ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class BadReply(LLMError):
    """The reply is malformed, incomplete or larger than it may be."""
