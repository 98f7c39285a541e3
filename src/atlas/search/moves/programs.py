"""From a reply's completions to candidates; what can't be used is counted, not forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.llm.parse import extract_program
from atlas.llm.types import Completion, Reply
from atlas.problem import FunctionProblem, Problem
from atlas.search.assemble import assemble, entry_of, under_name
from atlas.search.pool import Additions, Candidate
from atlas.search.session import Session


def read_programs(
    session: Session, reply: Reply, move: str, key: str, ids: Sequence[str], *, parent: str | None = None
) -> Additions:
    """The programs of ``reply``, one for each of ``ids`` at most."""
    problem = session.pool.problem
    found: list[Candidate] = []
    reasons: list[str] = []
    unusable = 0
    for id, completion in zip(ids, reply.completions, strict=False):
        code = extract_program(completion.text, entry_of(problem))
        if code is None and (code := _misnamed(problem, completion)) is not None:
            reasons.append("a reply gave its function another name than asked; it was taken under the asked one")
        if code is None:
            reasons.append(_why(completion))
            unusable += 1
            continue
        program = assemble(problem, code)
        found.append(Candidate(id, code, move, parent, key, completion.tokens, program))
    return Additions(candidates=tuple(found), reasons=tuple(reasons), unusable=unusable)


def merged(parts: Sequence[Additions]) -> Additions:
    """Several requests' findings as one, in order."""
    return Additions(
        candidates=tuple(c for part in parts for c in part.candidates),
        inputs=tuple(i for part in parts for i in part.inputs),
        tests=tuple(t for part in parts for t in part.tests),
        reasons=tuple(r for part in parts for r in part.reasons),
        unusable=sum(part.unusable for part in parts),
        tried=tuple(t for part in parts for t in part.tried),
    )


def _misnamed(problem: Problem, completion: Completion) -> str | None:
    """The reply's only function under the asked name, if that is all that is wrong with it."""
    if not isinstance(problem, FunctionProblem) or completion.finish != "stop":
        return None
    code = extract_program(completion.text, None)
    return None if code is None else under_name(code, problem.signature)


def _why(completion: Completion) -> str:
    if completion.finish == "length":
        return f"a reply was cut off after {completion.tokens} tokens and held no usable program"
    return "a reply held no usable program"
