from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from search_script import DOUBLE, PLUS_TWO, SQUARE, TWICE, ScriptedModel, block, kind_of
from search_session import asked, session

from atlas.llm.types import Request
from atlas.problem import Call
from atlas.sandbox import Sandbox
from atlas.sandbox.types import Observation, Program, Status
from atlas.search.evidence import posterior
from atlas.search.measure import measure
from atlas.search.moves.refine import refine
from atlas.search.moves.repair import repair
from atlas.search.outputs import input_key
from atlas.search.pool import Additions, Candidate
from atlas.search.session import Session
from atlas.search.solver import solve
from atlas.search.strategy import Round, Step, Strategy

NONE = Additions(reasons=("no repair that fails was there to refine",))


def add(given: Session, id: str, code: str, returns: dict[int, int], parent: str | None = None, note: str = "") -> None:
    move = "draft" if parent is None else "repair"
    given.pool.add_candidate(Candidate(id, code, move, parent, "k", 5, Program(code, "double"), note))
    for argument, value in returns.items():
        place = given.pool.add_input(Call((argument,)))
        assert place is not None
        given.pool.observe(given.pool.find(id), [place], [Observation(Status.OK, value)])
    given.standing = posterior(measure(given.pool))


def chain(answer: Any = None) -> Session:
    """A draft, its repair, and the repair's repair; all fail, the last one on another example than the first."""
    given = session(DOUBLE, answer or (lambda r, i: block(TWICE)))
    add(given, "a", SQUARE, {2: 4, 5: 25})
    add(given, "b", PLUS_TWO, {2: 4, 5: 7}, "a", "It squares.")
    add(given, "c", "def double(x):\n    return 10", {2: 10, 5: 10}, "b", "It adds.")
    return given


async def test_the_last_attempts_are_shown_with_their_failures_and_lessons() -> None:
    given = chain()
    given.pool.tried.add(("b", input_key(Call((5,)))))
    found = await refine(given, samples=2)
    assert [(c.id, c.parent, c.move) for c in found.candidates] == [
        ("refine-0.0.0", "c", "refine"),
        ("refine-0.0.1", "c", "refine"),
    ]
    text = asked(given)[0].messages[0].content
    assert SQUARE not in text
    first, second = text.split("Attempt 1:")[1].split("Attempt 2:")
    assert PLUS_TWO in first
    assert "double(5) gave 7 but 10 is expected." in first
    assert "Lesson: It adds." in first
    assert "return 10" in second
    assert "double(2) gave 10 but 4 is expected." in second
    assert "Lesson: The change broke this example: it was right before." in second
    assert {c.note for c in found.candidates} == {"The change broke this example: it was right before."}


async def test_the_whole_history_may_be_shown() -> None:
    given = chain()
    given.pool.tried.add(("b", input_key(Call((5,)))))
    await refine(given, history=9)
    text = asked(given)[0].messages[0].content
    assert [text.count(f"Attempt {n}:") for n in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert "Lesson: It squares." in text


async def test_a_change_that_was_not_enough_is_called_so() -> None:
    given = session(DOUBLE, lambda r, i: block(TWICE))
    add(given, "a", SQUARE, {2: 4, 5: 25})
    add(given, "b", PLUS_TWO, {2: 4, 5: 7}, "a", "It squares.")
    await refine(given)
    assert "Lesson: The change was not enough: this example still fails." in asked(given)[0].messages[0].content


async def test_nothing_is_asked_where_nothing_was_repaired_or_no_repair_fails() -> None:
    given = session(DOUBLE)
    assert await refine(given) == NONE
    add(given, "a", SQUARE, {2: 4, 5: 25})
    assert await refine(given) == NONE
    add(given, "b", TWICE, {2: 4, 5: 10}, "a")
    assert await refine(given) == NONE
    assert not asked(given)


async def test_a_repair_is_refined_once_for_a_failure() -> None:
    given = session(DOUBLE, lambda r, i: "no program")
    add(given, "a", SQUARE, {2: 4, 5: 25})
    add(given, "b", PLUS_TWO, {2: 4, 5: 7}, "a")
    found = await refine(given)
    assert (found.candidates, found.unusable) == ((), 2)
    given.pool.add(found)
    assert await refine(given) == NONE


async def test_repair_leaves_repairs_to_refine() -> None:
    given = chain()
    given.pool.tried.add(("a", input_key(Call((5,)))))
    assert await repair(given) == Additions()


async def test_a_refined_program_may_be_refined_again() -> None:
    given = chain()
    given.pool.tried |= {("b", input_key(Call((5,)))), ("c", input_key(Call((2,))))}
    add(given, "d", "def double(x):\n    return 0", {2: 0, 5: 0}, "c", "No.")
    found = await refine(given)
    assert {c.parent for c in found.candidates} == {"d"}


REFINING = Strategy(
    "refining",
    (
        Round((Step("draft", {"n": 4}), Step("inputs"))),
        Round((Step("repair", {"views": 1}),), when="unsettled", phase=3),
        Round((Step("repair", {"views": 1}), Step("refine")), when="unsettled", phase=3),
    ),
)


@pytest.mark.asyncio(loop_scope="session")
async def test_it_rescues_in_a_search_and_replays(sandbox: Sandbox) -> None:
    replies = {"draft": block(SQUARE), "repair": block(PLUS_TWO), "refine": block(TWICE), "analyse": "It squares."}

    def answer(request: Request, choice: int) -> str:
        return replies[kind_of(request)]

    tools = replace(session(DOUBLE).tools, client=ScriptedModel(answer), sandbox=sandbox)
    live = await solve(DOUBLE, REFINING, tools)
    assert live.solution.candidate == "refine-2.0.0"
    assert live.solution.code == TWICE + "\n"
    replayed = await solve(DOUBLE, REFINING, replace(tools, client=None, sandbox=None, mode="replay"))
    assert replayed.solution == live.solution
