"""What became of a request that was broken off: whether it was sent at all, and the tokens generated for nothing.

A client tells of that in the task that made the request, so a context variable finds the right one although many
solves share the client.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from atlas.llm.types import Client, Reply, Request


@dataclass(slots=True)
class Fate:
    """``sent``: it left the queue in front of the server. ``discarded``: what was generated and is of no use."""

    sent: bool
    discarded: list[Reply] = field(default_factory=list[Reply])


_fate: ContextVar[Fate | None] = ContextVar("fate", default=None)


@runtime_checkable
class Telling(Protocol):
    """A client that knows what a broken-off request had generated."""

    on_discarded: Callable[[Request, Reply], None] | None


@runtime_checkable
class Queueing(Protocol):
    """A client whose requests may wait before they are sent."""

    on_sent: Callable[[Request], None] | None


@contextmanager
def watched(client: Client) -> Generator[Fate]:
    """The fate of the request that ``client`` is asked inside the block."""
    if isinstance(client, Telling):
        client.on_discarded = _note_discarded
    queueing = isinstance(client, Queueing)
    if queueing:
        client.on_sent = _note_sent
    fate = Fate(sent=not queueing)
    token = _fate.set(fate)
    try:
        yield fate
    finally:
        _fate.reset(token)


def _note_discarded(_request: Request, partial: Reply) -> None:
    if (fate := _fate.get()) is not None:
        fate.discarded.append(partial)


def _note_sent(_request: Request) -> None:
    if (fate := _fate.get()) is not None:
        fate.sent = True
