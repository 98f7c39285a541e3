"""Draft: independent programs from the statement alone."""

from __future__ import annotations

from typing import Annotated

from atlas.gather import gather
from atlas.llm.types import Sampling
from atlas.search import prompts
from atlas.search.moves.programs import GREEDY, ask_programs, merged
from atlas.search.pool import Additions
from atlas.search.session import Session
from atlas.search.strategy import Range

NAME = "draft"


async def draft(session: Session, *, n: int = 8, greedy: bool = True, batch: Annotated[int, Range(1)] = 4) -> Additions:
    """Ask for ``n`` programs; with ``greedy`` the first of them is the greedy one.

    The others are drawn with the run's sampling, ``batch`` to a request: a request evaluates its prompt once,
    and smaller requests lose less to a deadline.
    """
    jobs = [_some(session, 0, 1, GREEDY)] if greedy and n > 0 else []
    first = len(jobs)
    jobs += [_some(session, i, min(batch, n - i), None) for i in range(first, n, batch)]
    return merged(await gather(jobs))


async def _some(session: Session, first: int, count: int, sampling: Sampling | None) -> Additions:
    """Programs ``first`` to ``first + count`` of this round, from one request."""
    key = session.key(NAME, first)
    messages = prompts.draft(session.pool.problem)
    request = session.request(messages, NAME, first, n=count, sampling=sampling)
    ids = [f"{NAME}-{session.round}.{i}" for i in range(first, first + count)]
    return await ask_programs(session, request, NAME, key, ids)
