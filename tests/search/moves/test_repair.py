from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from search_script import (
    DOUBLE,
    DOUBLE_BLIND,
    PLUS_TWO,
    SQUARE,
    SUMS,
    TWICE,
    ScriptedModel,
    block,
    kind_of,
)
from search_session import asked, session, with_candidates

from atlas.llm.types import Completion, Reply, Request
from atlas.problem import Call, Stdin
from atlas.sandbox import Sandbox
from atlas.sandbox.types import Observation, Program, Status
from atlas.search.evidence import posterior
from atlas.search.measure import measure
from atlas.search.moves.failures import findings
from atlas.search.moves.repair import repair
from atlas.search.pool import Additions, Candidate, TestCase
from atlas.search.prompts import VIEWS
from atlas.search.session import Session
from atlas.search.solver import solve
from atlas.search.strategy import Round, Step, Strategy

FIVE = "def double(x):\n    return 2 * x if x != 5 else 0"


def script(analyses: list[str], program: str = TWICE) -> Any:
    """Analyses by the place of their view, and one program for every repair."""

    def answer(request: Request, choice: int) -> str:
        if kind_of(request) != "analyse":
            return block(program)
        text = request.messages[0].content
        marks = ("step by step", "Follow the failing", "Check empty")
        return analyses[next(i for i, mark in enumerate(marks) if mark in text)]

    return answer


async def test_a_failure_is_looked_at_from_three_views_and_then_repaired() -> None:
    said = ["It squares.", "It squares.", "Five gives 25.\n```python\nx = 1\n```"]
    given = with_candidates(session(DOUBLE, script(said)), a=(SQUARE, {2: 4, 5: 25}))
    found = await repair(given, parents=1, samples=2)
    assert [kind_of(r) for r in asked(given)] == ["analyse"] * 3 + ["repair"]
    assert [r.n for r in asked(given)] == [1, 1, 1, 2]
    assert len({r.seed for r in asked(given)}) == 4
    text = asked(given)[-1].messages[0].content
    assert "Analysis:\n- It squares.\n- Five gives 25.\nReply" in text
    assert "double(5) gave 25 but 10 is expected." in text
    assert [c.note for c in found.candidates] == ["It squares. Five gives 25."] * 2
    assert found.reasons == ()


async def test_without_views_it_is_one_request_a_parent() -> None:
    given = with_candidates(session(DOUBLE, script([])), a=(SQUARE, {2: 4, 5: 25}), b=(PLUS_TWO, {2: 4, 5: 7}))
    found = await repair(given, views=0)
    assert [kind_of(r) for r in asked(given)] == ["repair", "repair"]
    assert "Analysis" not in asked(given)[0].messages[0].content
    assert {c.note for c in found.candidates} == {""}


async def test_an_analysis_that_says_nothing_is_left_out_and_counted() -> None:
    given = with_candidates(session(DOUBLE, script(["", "```\ncode\n```", "Right."])), a=(SQUARE, {2: 4, 5: 25}))
    found = await repair(given)
    assert found.reasons == ("an analysis of a failure said nothing",) * 2
    assert "Analysis:\n- Right.\nReply" in asked(given)[-1].messages[0].content


async def test_a_cut_analysis_keeps_its_whole_sentences() -> None:
    given = with_candidates(session(DOUBLE, script([])), a=(SQUARE, {2: 4, 5: 25}))

    async def cut(request: Request) -> Reply:
        text = "It squares. It shou" if kind_of(request) == "analyse" else block(TWICE)
        return Reply((Completion(text, "length" if "shou" in text else "stop", 5),), 9)

    given.tools.client.complete = cut  # type: ignore[union-attr, method-assign]
    found = await repair(given)
    assert {c.note for c in found.candidates} == {"It squares."}


async def test_long_analyses_are_bounded() -> None:
    given = with_candidates(session(DOUBLE, script(["word. " * 9999] * 3)), a=(SQUARE, {2: 4, 5: 25}))
    await repair(given)
    assert len(asked(given)[-1].messages[0].content) < 1500


async def test_a_failed_analysis_leaves_a_direct_repair() -> None:
    given = with_candidates(session(DOUBLE, script([])), a=(SQUARE, {2: 4, 5: 25}))
    assert isinstance(given.tools.client, ScriptedModel)
    given.tools.client.fail = lambda request: kind_of(request) == "analyse"
    found = await repair(given)
    assert [c.code for c in found.candidates] == [TWICE + "\n"] * 2
    assert len(given.failures) == len(VIEWS)


async def test_the_failing_example_of_the_best_is_shown() -> None:
    given = session(DOUBLE, script(["."] * 3))
    with_candidates(given, a=(SQUARE, {2: 4, 5: 25}), b=(PLUS_TWO, {2: 4, 5: 7}), c=("x = 1", {2: 0, 5: 0}))
    found = await repair(given, parents=2, samples=2)
    assert [(c.id, c.parent) for c in found.candidates] == [
        ("repair-0.0.0", "a"),
        ("repair-0.0.1", "a"),
        ("repair-0.1.0", "b"),
        ("repair-0.1.1", "b"),
    ]
    shown = [r.messages[0].content for r in asked(given) if kind_of(r) == "repair"]
    assert SQUARE in shown[0]
    assert "double(5) gave 25 but 10 is expected." in shown[0]
    assert "double(2) gave" not in shown[0]


async def test_without_a_failing_example_the_majority_says_what_is_expected() -> None:
    given = session(DOUBLE_BLIND, script(["."] * 3))
    other = "def double(x):\n    return x + x"
    with_candidates(given, a=(TWICE, {2: 4, 5: 10}), b=(other, {2: 4, 5: 10}), c=(SQUARE, {2: 4, 5: 25}))
    assert [f.example for f in findings(given, 2)] == [False]
    assert findings(given, 0) == []
    found = await repair(given)
    assert {c.parent for c in found.candidates} == {"c"}


def with_tests(given: Session, *tests: TestCase) -> Session:
    given.pool.add(Additions(tests=tests))
    given.standing = posterior(measure(given.pool))
    return given


async def test_a_strong_self_test_shows_a_failure_of_the_leader() -> None:
    given = with_candidates(session(DOUBLE_BLIND), a=(FIVE, {1: 2, 2: 4, 3: 6, 5: 0}))
    strong = [TestCase(Call((x,)), 2 * x, "self_tests", 4, 4) for x in (1, 2, 3, 5)]
    with_tests(given, *strong)
    assert [(f.failure.expected, f.example) for f in findings(given, 0)] == [("10", False)]
    assert 0.5 < findings(given, 0)[0].failure.sure < 1


async def test_the_model_is_told_how_sure_an_expectation_is() -> None:
    given = with_candidates(session(DOUBLE_BLIND, script([])), a=(FIVE, {1: 2, 2: 4, 3: 6, 5: 0}))
    with_tests(given, *(TestCase(Call((x,)), 2 * x, "self_tests", 4, 4) for x in (1, 2, 3, 5)))
    await repair(given, views=0)
    sure = findings(given, 0)[0].failure.sure
    assert f"double(5) gave 0 but 10 is expected ({sure:.0%} sure)." in asked(given)[-1].messages[0].content


async def test_a_less_likely_candidate_does_not_speak_against_a_likelier_one() -> None:
    given = session(DOUBLE_BLIND)
    with_candidates(given, a=(TWICE, {2: 4, 5: 10}), c=(SQUARE, {2: 4, 5: 25}))
    given.pool.members[0].drawn = 3
    given.standing = posterior(measure(given.pool))
    assert findings(given, 0) == []
    assert [f.failure.expected for f in findings(given, 1)] == ["10"]


async def test_a_weak_self_test_is_no_failure() -> None:
    given = with_candidates(session(DOUBLE_BLIND), a=(FIVE, {1: 2, 2: 4, 3: 6, 5: 0}))
    right = [TestCase(Call((x,)), 2 * x, "self_tests", 4, 4) for x in (1, 2, 3)]
    assert findings(with_tests(given, *right, TestCase(Call((5,)), 10, "self_tests", 2, 4)), 0) == []
    alone = with_candidates(session(DOUBLE_BLIND), a=(FIVE, {1: 2, 2: 4, 3: 6, 5: 0}))
    wrong = [TestCase(Call((x,)), -1, "self_tests", 4, 4) for x in (1, 2, 3, 5)]
    assert findings(with_tests(alone, *wrong), 0) == [], "tests with which nobody agrees are not reliable"


async def test_examples_come_before_self_tests_and_a_failing_input_is_named_once() -> None:
    given = with_candidates(session(DOUBLE), a=(SQUARE, {2: 4, 5: 25, 0: 0, 1: 1, 3: 9}))
    tests = [TestCase(Call((x,)), v, "self_tests", 4, 4) for x, v in ((2, 4), (0, 0), (3, 6))]
    found = findings(with_tests(given, *tests), 0)
    assert [(f.example, f.failure.input) for f in found] == [(True, Call((5,))), (False, Call((3,)))]


async def test_a_candidate_is_shown_with_a_failure_once_whatever_came_of_it() -> None:
    given = with_candidates(session(DOUBLE, lambda r, i: "no program"), a=(SQUARE, {2: 4, 5: 25}))
    first = await repair(given)
    assert first.candidates == ()
    assert first.unusable == 2
    given.pool.add(first)
    assert await repair(given) == Additions()


async def test_the_next_failure_of_a_candidate_is_another_reason_to_repair_it() -> None:
    given = with_candidates(session(DOUBLE, script(["."] * 3)), a=("def double(x):\n    return 0", {2: 0, 5: 0}))
    for _ in range(2):
        given.pool.tried.update((await repair(given)).tried)
        given.round += 1
    shown = [r.messages[0].content for r in asked(given) if kind_of(r) == "repair"]
    assert ["double(2) gave 0" in t for t in shown] == [True, False]
    assert ["double(5) gave 0" in t for t in shown] == [False, True]


async def test_where_all_fail_alike_others_are_repaired_in_the_next_round() -> None:
    given = session(DOUBLE, script(["."] * 3, SQUARE))
    plus = {n: (f"def double(x):\n    return x + {n}", {2: 2 + n, 5: 5 + n}) for n in (3, 4, 6, 7)}
    with_candidates(given, **{f"p{n}": program for n, program in plus.items()})
    chosen: list[set[str | None]] = []
    for _ in range(2):
        found = await repair(given)
        chosen.append({c.parent for c in found.candidates})
        given.pool.tried.update(found.tried)
    assert len(chosen[0] | chosen[1]) == 4


async def test_repairs_count_a_quarter() -> None:
    given = session(DOUBLE, script(["."] * 3, TWICE))
    with_candidates(given, a=(SQUARE, {2: 4, 5: 25}))
    given.pool.add(await repair(given))
    assert [(m.drawn, m.derived, m.weight) for m in given.pool.members] == [(1, 0, 1.0), (0, 2, 0.5)]


async def test_a_repair_that_only_echoes_its_parent_is_no_vote_for_it() -> None:
    given = session(DOUBLE, script(["."] * 3, SQUARE))
    with_candidates(given, a=(SQUARE, {2: 4, 5: 25}))
    given.pool.add(await repair(given))
    (member,) = given.pool.members
    assert (member.drawn, member.derived, member.echoed) == (1, 0, 2)
    assert (member.weight, member.completions) == (1.0, 3)


async def test_there_is_nothing_to_repair_where_all_agree() -> None:
    given = with_candidates(session(DOUBLE), a=(TWICE, {2: 4, 5: 10}))
    assert await repair(given) == Additions()
    assert not asked(given)


async def test_an_error_is_shown_and_bounded() -> None:
    given = with_candidates(session(DOUBLE, script(["."] * 3)), a=(SQUARE, {2: 4}))
    place = given.pool.index_of(Call((5,)))
    given.pool.observe(0, [place], [Observation(Status.EXCEPTION, error="KeyError: 5" + "!" * 900)])
    given.standing = posterior(measure(given.pool))
    await repair(given)
    text = asked(given)[-1].messages[0].content
    assert "double(5) gave KeyError: 5!!!" in text
    assert len(text) < 1200


async def test_an_input_that_most_reject_is_no_failure() -> None:
    given = with_candidates(session(DOUBLE), a=(TWICE, {2: 4, 5: 10}), b=(FIVE, {2: 4, 5: 10}))
    place = given.pool.add_input(Call((-1,)))
    assert place is not None
    for member in range(2):
        given.pool.observe(member, [place], [Observation(Status.EXCEPTION, error="ValueError")])
    given.pool.tests.append(TestCase(Call((-1,)), -2, "self_tests", 4, 4))
    given.standing = posterior(measure(given.pool))
    assert not given.standing.informative[place]
    assert findings(given, 0) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_a_program_is_repaired_over_stdin(sandbox: Sandbox) -> None:
    wrong, right = "print(0)", "input()\nprint(sum(map(int, input().split())))"
    given = session(SUMS, script(["It never reads."] * 3, right))
    given.tools = replace(given.tools, sandbox=sandbox)
    given.pool.add_candidate(Candidate("a", wrong, "draft", None, "k", 1, Program(wrong)))
    given.pool.observe(0, [0], await given.execute("k", Program(wrong), [Stdin("3\n1 2 3\n")]))
    given.standing = posterior(measure(given.pool))
    found = await repair(given, samples=1)
    assert [c.code for c in found.candidates] == [right + "\n"]
    assert "it printed:\n0\nbut this is expected:\n6" in asked(given)[-1].messages[0].content


REPAIRING = Strategy(
    "repairing",
    (Round((Step("draft", {"n": 4}), Step("inputs"))), Round((Step("repair"),), when="unsettled", phase=3)),
)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_repair_that_passes_the_examples_wins_and_replays(sandbox: Sandbox) -> None:
    model = ScriptedModel(lambda r, i: script(["It squares."] * 3)(r, i) if kind_of(r) != "draft" else block(SQUARE))
    tools = replace(session(DOUBLE).tools, client=model, sandbox=sandbox)
    live = await solve(DOUBLE, REPAIRING, tools)
    assert live.solution.candidate == "repair-1.0.0"
    assert live.solution.confidence > 0.5
    replayed = await solve(DOUBLE, REPAIRING, replace(tools, client=None, sandbox=None, mode="replay"))
    assert replayed.solution == live.solution


@pytest.mark.asyncio(loop_scope="session")
async def test_a_wrong_repair_does_not_unseat_what_passes_the_examples(sandbox: Sandbox) -> None:
    """Three right drafts and one wrong one; every repair is wrong in another way."""
    places: dict[Any, int] = {}

    def answer(request: Request, choice: int) -> str:
        if kind_of(request) != "draft":
            return script(["It is wrong."] * 3, "def double(x):\n    return 2 * x if x < 6 else 11")(request, choice)
        place = places.setdefault((request.seed, choice), len(places))
        return block(SQUARE if place == 2 else TWICE)

    tools = replace(session(DOUBLE).tools, client=ScriptedModel(answer), sandbox=sandbox)
    found = await solve(DOUBLE, replace(REPAIRING, settled=1.0), tools)
    assert found.solution.code == TWICE + "\n"
    assert any(m.candidate.move == "repair" for m in found.pool.members)
