"""Repair: a program that fails is looked at from several points of view, then asked for again corrected.

PR-CoT (Poly-Reflective Chain of Thought): the model says what is wrong three times, against the statement, along the
failing input and at the edges; then it writes the program again with these analyses before it. With ``views=0`` it
is shown the failure alone, which costs ``samples`` programs a parent and nothing else.

A repair is judged like any other candidate: it wins by evidence only, and is no independent vote. Which candidates
are repaired follows from the ranking. What was repaired already is taken further by ``refine``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from atlas.gather import gather
from atlas.llm.fences import answer
from atlas.llm.types import Completion
from atlas.search import prompts
from atlas.search.moves.failures import Finding, findings
from atlas.search.moves.programs import ask_programs, merged
from atlas.search.pool import Additions
from atlas.search.prompts import View
from atlas.search.session import Session
from atlas.search.strategy import Range

NAME = "repair"
_LONGEST_ANALYSIS = 600


@dataclass(frozen=True, slots=True)
class Target:
    """A member of the pool that is worth another program, and the failures to show."""

    member: int
    findings: tuple[Finding, ...]


async def repair(
    session: Session,
    *,
    parents: int = 2,
    samples: Annotated[int, Range(1)] = 2,
    failures: Annotated[int, Range(1)] = 1,
    views: Annotated[int, Range(0, len(prompts.VIEWS))] = 3,
) -> Additions:
    """Ask for ``samples`` repairs of each of ``parents`` candidates that are likely and fail somewhere.

    Each is shown ``failures`` of its failures at most, and what ``views`` analyses say of the first. A candidate is
    shown with the same failure once only.
    """
    targets = choose(session, parents, failures, repaired=False)
    return merged(await gather(_of(session, j, t, samples, prompts.VIEWS[:views]) for j, t in enumerate(targets)))


def choose(session: Session, count: int, failures: int, *, repaired: bool) -> list[Target]:
    """The candidates that promise most for another program, one a cluster, that fail where they weren't shown yet.

    ``repaired`` says whether those that were made from another candidate are meant, or the others. What a candidate
    promises grows with its probability (by the root: one that surely fails is worth something, too) and with how
    sure its failure is, and falls with its length and with how often its cluster was shown already.
    """
    pool, standing = session.pool, session.standing
    if standing is None or count < 1:
        return []
    shown = [int(standing.cluster[pool.find(id)]) for id, _ in pool.tried]
    mean = sum(m.candidate.tokens for m in pool.members) / max(len(pool.members), 1)
    best: dict[int, tuple[float, Target]] = {}
    for member in (int(u) for u in standing.order):
        candidate, cluster = pool.members[member].candidate, int(standing.cluster[member])
        if cluster in best or (candidate.parent is not None) is not repaired:
            continue
        fresh = [f for f in findings(session, member) if (candidate.id, f.key) not in pool.tried]
        if fresh:
            cost = (1.0 + candidate.tokens / max(mean, 1.0)) * (1 + shown.count(cluster))
            promise = float(standing.probability[member]) ** 0.5 * fresh[0].failure.sure / cost
            best[cluster] = promise, Target(member, tuple(fresh[:failures]))
    # What the dictionary holds stands in the ranking's order; sorting keeps that between equals.
    return [target for _, target in sorted(best.values(), key=lambda pair: -pair[0])[:count]]


async def _of(session: Session, place: int, target: Target, samples: int, views: tuple[View, ...]) -> Additions:
    candidate = session.pool.members[target.member].candidate
    failing = [f.failure for f in target.findings]
    analyses, reasons = await _analysed(session, place, target, views)
    key = session.key(NAME, place, candidate.id)
    messages = prompts.repair(session.pool.problem, candidate.code, failing, analyses)
    request = session.request(messages, NAME, place, parent=candidate.id, n=samples)
    ids = [f"{NAME}-{session.round}.{place}.{i}" for i in range(samples)]
    found = await ask_programs(session, request, NAME, key, ids, parent=candidate.id)
    return replace(
        found,
        candidates=tuple(replace(c, note=" ".join(analyses)) for c in found.candidates),
        reasons=(*reasons, *found.reasons),
        tried=tuple((candidate.id, f.key) for f in target.findings),
    )


async def _analysed(
    session: Session, place: int, target: Target, views: tuple[View, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with a candidate, from each point of view; and reasons for those that say nothing."""
    replies = await gather(_analysis(session, place, target, view) for view in views)
    texts = [text for reply in replies for text in reply]
    said = tuple(dict.fromkeys(text for text in texts if text))
    return said, ("an analysis of a failure said nothing",) * texts.count("")


async def _analysis(session: Session, place: int, target: Target, view: View) -> list[str]:
    candidate = session.pool.members[target.member].candidate
    messages = prompts.analyse(session.pool.problem, candidate.code, target.findings[0].failure, view)
    request = session.request(messages, f"{NAME}.{view}", place, parent=candidate.id)
    reply = await session.ask(session.key(NAME, f"{place}.{view}", candidate.id), request, lambda c: bool(_said(c)))
    return [_said(completion) for completion in reply.completions]


def _said(completion: Completion) -> str:
    """The prose of a reply on one line, without fenced code; whole sentences only if it was cut off; bounded."""
    prose = answer(completion.text).partition("```")[0]
    text = " ".join(prose.split())
    if completion.finish == "length" or len(text) > _LONGEST_ANALYSIS:
        text = text[:_LONGEST_ANALYSIS]
        text = text[: text.rfind(".") + 1]
    return text
