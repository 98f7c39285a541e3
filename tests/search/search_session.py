"""A session with candidates whose outcomes are given, for the tests of single moves."""

from __future__ import annotations

from typing import Any

from search_script import ScriptedModel

from atlas.llm.types import Request
from atlas.problem import Call, Problem
from atlas.sandbox.types import Observation, Program, Status
from atlas.search.evidence import posterior
from atlas.search.measure import measure
from atlas.search.pool import Candidate, Pool
from atlas.search.session import Session
from atlas.search.settings import Settings, Tools
from atlas.store.tape import Tape


def session(problem: Problem, answer: Any = None, seed: int = 0) -> Session:
    model = ScriptedModel(answer or (lambda request, choice: "unexpected"))
    return Session(Pool(problem), Tools(Tape.memory(), model), Settings(seed=seed))


def asked(given: Session) -> list[Request]:
    assert isinstance(given.tools.client, ScriptedModel)
    return given.tools.client.requests


def with_candidates(given: Session, **programs: tuple[str, dict[int, int]]) -> Session:
    """Candidates by id, each with its source and what it returns for each argument."""
    for id, (code, returns) in programs.items():
        given.pool.add_candidate(Candidate(id, code, "draft", None, "k", 5, Program(code, "double")))
        for argument, value in returns.items():
            place = given.pool.add_input(Call((argument,)))
            assert place is not None
            member = given.pool.find(id)
            given.pool.observe(member, [place], [Observation(Status.OK, value)])
    given.standing = posterior(measure(given.pool))
    return given
