"""When a request may be sent. A client sends at once, unless it is given a gate with a queue (``atlas.broker``)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from atlas.llm.types import Reply, Request


class Turn(Protocol):
    """Choices of one request that may be sent now, in one HTTP request. Close it, however that ends."""

    @property
    def choices(self) -> int:
        """How many; 1 or more."""
        ...

    def ended(self) -> None:
        """One of the choices is complete: its slot works on nothing."""
        ...

    def close(self, reply: Reply | None = None) -> None:
        """All of it is over; ``reply`` is what came, None where nothing did."""
        ...


class Place(Protocol):
    """A request's place in the queue."""

    async def turn(self, at_most: int, *, whole: bool = False) -> Turn:
        """Wait until some of the request's choices may be sent: up to ``at_most``, with ``whole`` no fewer."""
        ...


class Gate(Protocol):
    """What stands between the requests and a server."""

    def place(self, request: Request, thought: str | None) -> AbstractContextManager[Place]:
        """A place for ``request``, whose answer begins with ``thought`` where there is one. Left with the block."""
        ...


@dataclass(frozen=True, slots=True)
class _Now:
    choices: int

    def ended(self) -> None:
        pass

    def close(self, reply: Reply | None = None) -> None:
        pass


class Open:
    """Everything may be sent at once."""

    def place(self, request: Request, thought: str | None) -> AbstractContextManager[Open]:
        """No queue, so no place in it."""
        return nullcontext(self)

    async def turn(self, at_most: int, *, whole: bool = False) -> Turn:
        """All that is asked for."""
        return _Now(at_most)
