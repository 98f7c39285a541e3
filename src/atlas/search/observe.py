"""At a round's end: every candidate is run on every input that it has not seen, no longer than those beside it need.

Where no candidate passes the examples in that time, those that ran out of it get all that the settings allow: a right
program may be the slowest.
"""

from __future__ import annotations

from collections.abc import Sequence

from atlas.gather import gather
from atlas.sandbox.matrix import cut_short, explore
from atlas.sandbox.types import Limits
from atlas.search.session import Session


async def observe(session: Session) -> None:
    """Fill the pool's observations; which limits were set is on the tape."""
    pool, limits = session.pool, session.settings.limits

    async def execute(member: int, part: str, inputs: Sequence[int], under: Limits) -> None:
        candidate = pool.members[member].candidate
        key = session.key("run", part, candidate.id)
        asked = [pool.inputs[i] for i in inputs]
        seen = await session.execute(key, candidate.program, asked, under, until_clock=True)
        pool.observe(member, inputs[: len(seen)], seen)

    todo = {member: pool.unobserved(member) for member in range(len(pool.members))}
    await explore(todo, pool.observations, limits, execute, session.measured)
    if pool.examples and not any(_passes_all(session, member) for member in todo):
        late = cut_short(todo, pool.observations, limits)
        shown = {member: [i for i in cut if i < len(pool.examples)] for member, cut in late.items()}
        await gather(execute(member, "late", inputs, limits) for member, inputs in shown.items() if inputs)


def _passes_all(session: Session, member: int) -> bool:
    return all(session.pool.passes(member, e.input, e.output) for e in session.pool.examples)
