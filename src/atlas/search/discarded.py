"""Tokens that a client generated for nothing (cancelled, connection lost), brought to the request they were for.

A client tells of them in the task that made the request, so a context variable finds the right list although
many solves share the client.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

from atlas.llm.types import Client, Reply, Request

_sink: ContextVar[list[Reply] | None] = ContextVar("discarded", default=None)


@runtime_checkable
class Telling(Protocol):
    """A client that knows what a broken-off request had generated."""

    on_discarded: Callable[[Request, Reply], None] | None


@contextmanager
def collected(client: Client) -> Generator[list[Reply]]:
    """The replies that ``client`` discards for requests made inside the block."""
    if isinstance(client, Telling):
        client.on_discarded = _note
    found: list[Reply] = []
    token = _sink.set(found)
    try:
        yield found
    finally:
        _sink.reset(token)


def _note(_request: Request, partial: Reply) -> None:
    sink = _sink.get()
    if sink is not None:
        sink.append(partial)
