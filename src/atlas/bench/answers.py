"""From a solve to the rows that are handed over. Only what replays byte for byte is in them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from atlas.bench.jsonl import readable
from atlas.bench.records import PoolCandidate, PoolRecord, RoundRow, Submission, UsageRow
from atlas.bench.replay.searched import observed
from atlas.search.solver import Solved


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one problem; a lost one has no pool."""

    submission: Submission
    pool: PoolRecord | None


def answer_of(solved: Solved, budget: int | None = None) -> Answer:
    """The answer and the pool behind it; ``budget`` as in :class:`atlas.bench.records.Submission`."""
    solution, pool = solved.solution, solved.pool
    winner = None if solution.candidate is None else pool.members[pool.find(solution.candidate)].candidate
    submission = Submission(
        problem=solution.problem_id,
        code=None if solution.code is None else readable(solution.code),
        candidate=solution.candidate,
        move=winner.move if winner else "",
        confidence=solution.confidence,
        evidence=tuple(map(readable, solution.evidence)),
        reasons=tuple(map(readable, solution.reasons)),
        usage=UsageRow(**asdict(solution.usage)),
        budget=budget,
    )
    candidates = tuple(
        PoolCandidate(
            id=member.candidate.id,
            move=member.candidate.move,
            parent=member.candidate.parent,
            code=readable(member.candidate.program.code),
            count=member.completions,
            tokens=member.candidate.tokens,
            derived=member.derived,
            echoed=member.echoed,
        )
        for member in pool.members
    )
    rounds = tuple(RoundRow(**asdict(end)) for end in solved.rounds)
    record = PoolRecord(
        problem=solution.problem_id,
        candidates=candidates,
        unusable=pool.unusable,
        rounds=rounds,
        observed=observed(pool),
    )
    return Answer(submission, record)


def lost(problem: str, reason: str) -> Answer:
    """No answer, through no fault of the search."""
    row = Submission(
        problem=problem, code=None, candidate=None, move="", confidence=0.0, lost=readable(reason) or "lost"
    )
    return Answer(row, None)
