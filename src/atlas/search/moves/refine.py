"""Refine: a repair that still fails is asked for again, with the attempts that led to it and what was learned.

The published pipeline's refinement loop, one round a call (as in Self-Refine, Madaan et al. 2023, arXiv 2303.17651,
with failures that were observed in place of the model's own opinion). The lesson of an attempt is what the repair
that followed it was told; the last attempt's is whether the change helped. Costs ``samples`` programs a parent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from atlas.gather import gather
from atlas.search import prompts
from atlas.search.moves.failures import Finding, findings
from atlas.search.moves.programs import ask_programs, merged
from atlas.search.moves.repair import Target, choose
from atlas.search.outputs import input_key
from atlas.search.pool import Additions, Candidate
from atlas.search.prompts import Attempt
from atlas.search.session import Session
from atlas.search.strategy import Range

NAME = "refine"


async def refine(
    session: Session, *, parents: int = 1, samples: Annotated[int, Range(1)] = 2, history: Annotated[int, Range(1)] = 2
) -> Additions:
    """Ask for ``samples`` programs after each of ``parents`` repairs that fail, showing the last ``history`` attempts.

    Without a repair that fails nothing is asked, and a reason says so.
    """
    targets = choose(session, parents, 1, repaired=True)
    if not targets:
        return Additions(reasons=("no repair that fails was there to refine",))
    return merged(await gather(_of(session, j, t, samples, history) for j, t in enumerate(targets)))


async def _of(session: Session, place: int, target: Target, samples: int, history: int) -> Additions:
    candidate = session.pool.members[target.member].candidate
    attempts = attempts_of(session, target, history)
    key = session.key(NAME, place, candidate.id)
    request = session.request(
        prompts.refine(session.pool.problem, attempts), NAME, place, parent=candidate.id, n=samples
    )
    ids = [f"{NAME}-{session.round}.{place}.{i}" for i in range(samples)]
    found = await ask_programs(session, request, NAME, key, ids, parent=candidate.id)
    return replace(
        found,
        candidates=tuple(replace(c, note=attempts[-1].lesson) for c in found.candidates),
        tried=tuple((candidate.id, f.key) for f in target.findings),
    )


def attempts_of(session: Session, target: Target, history: int) -> list[Attempt]:
    """The attempts that led to a candidate, oldest first, itself last; none that is no longer seen to fail."""
    chain = _chain(session, target.member)[-history:]
    found: list[Attempt] = []
    for place, member in enumerate(chain[:-1]):
        failing = findings(session, member)
        if failing:
            after = session.pool.members[chain[place + 1]].candidate
            found.append(Attempt(session.pool.members[member].candidate.code, failing[0].failure, after.note))
    last = session.pool.members[target.member].candidate
    found.append(Attempt(last.code, target.findings[0].failure, _lesson(session, last, target.findings[0])))
    return found


def _chain(session: Session, member: int) -> list[int]:
    """Indices of a candidate's ancestors, the oldest first, and of itself."""
    chain = [member]
    while (parent := session.pool.members[chain[0]].candidate.parent) is not None:
        chain.insert(0, session.pool.find(parent))
    return chain


def _lesson(session: Session, candidate: Candidate, finding: Finding) -> str:
    """What the evidence says of the change from a candidate's parent to itself."""
    kind = "this example" if finding.example else "this input"
    before = findings(session, session.pool.find(candidate.parent)) if candidate.parent is not None else []
    if any(input_key(f.failure.input) == finding.key for f in before):
        return f"The change was not enough: {kind} still fails."
    return f"The change broke {kind}: it was right before."
