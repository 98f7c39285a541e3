from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from search_script import DOUBLE, DOUBLE_BLIND, SQUARE, SUMS, TWICE, ScriptedModel, block
from search_session import asked, session, with_candidates

from atlas.llm.types import Completion, Reply, Request
from atlas.problem import Call, FunctionProblem, Parameter, Signature, Stdin
from atlas.sandbox import Sandbox
from atlas.sandbox.types import Program
from atlas.search.moves import expectations
from atlas.search.moves.annotated import fits, returns_fit
from atlas.search.moves.expectations import read_expected
from atlas.search.moves.self_tests import choose, self_tests
from atlas.search.pool import Candidate, TestCase
from atlas.search.session import Session

AGAIN = "expected outputs that were missing or invalid were asked for again"


def scripted(*rounds: list[str]) -> Any:
    """Replies by request, in order, then by choice."""
    waiting = list(rounds)
    given: dict[int | None, list[str]] = {}

    def answer(request: Request, choice: int) -> str:
        if request.seed not in given:
            given[request.seed] = waiting.pop(0)
        return given[request.seed][choice]

    return answer


def votes(found: Any) -> list[tuple[Any, Any, int, int]]:
    return [(t.input, t.expected, t.votes, t.voters) for t in found.tests]


async def test_expectations_are_voted_over_replies() -> None:
    replies = ["assert double(7) == 14\nassert double(0) == 0", "assert double(7) == 14\nassert double(0) == 1"]
    given = with_candidates(session(DOUBLE, scripted([block(r) for r in replies])), a=(TWICE, {7: 14, 0: 0}))
    found = await self_tests(given, inputs=2, samples=2)
    assert votes(found) == [(Call((7,)), 14, 2, 2), (Call((0,)), 0, 1, 2), (Call((0,)), 1, 1, 2)]
    assert found.reasons == ()
    assert [r.n for r in asked(given)] == [2]
    assert [r.max_tokens for r in asked(given)] == [given.settings.max_tokens]  # the context is not known


async def test_what_is_missing_or_invalid_is_asked_for_again_once() -> None:
    first = ["assert double(7) == 14\nassert double(0) == 0", "assert double(7) == 14", "I don't know."]
    again = ["assert double(7) == 14\nassert double(0) == 0", "assert double(0) == 1"]
    script = scripted([block(r) for r in first], [block(r) for r in again])
    given = with_candidates(session(DOUBLE, script), a=(TWICE, {7: 14, 0: 0}))
    found = await self_tests(given, inputs=2, samples=3)
    assert votes(found) == [(Call((7,)), 14, 3, 3), (Call((0,)), 0, 2, 3), (Call((0,)), 1, 1, 3)]
    assert found.reasons == (expectations.NOTHING, AGAIN)
    assert [r.n for r in asked(given)] == [3, 2]
    assert len({r.seed for r in asked(given)}) == 2


async def test_only_the_inputs_that_lack_votes_are_asked_about_again() -> None:
    script = scripted([block("assert double(7) == 14")], [block("assert double(0) == 0")])
    given = with_candidates(session(DOUBLE, script), a=(TWICE, {7: 14, 0: 0}))
    found = await self_tests(given, inputs=2, samples=1)
    assert votes(found) == [(Call((7,)), 14, 1, 1), (Call((0,)), 0, 1, 1)]
    assert ["double(7)" in r.messages[0].content for r in asked(given)] == [True, False]


async def test_asking_again_can_be_turned_off() -> None:
    given = with_candidates(session(DOUBLE, scripted(["no"])), a=(TWICE, {7: 14}))
    found = await self_tests(given, inputs=1, samples=1, ask_again=0)
    assert (found.tests, found.reasons) == ((), (expectations.NOTHING,))
    assert len(asked(given)) == 1


async def test_a_request_that_fails_is_not_asked_again() -> None:
    given = with_candidates(session(DOUBLE), a=(TWICE, {7: 14}))
    assert isinstance(given.tools.client, ScriptedModel)
    given.tools.client.fail = lambda request: True
    found = await self_tests(given, inputs=1, samples=1)
    assert (found.tests, found.reasons) == ((), ())
    assert len(asked(given)) == 1


LISTS = FunctionProblem("p", "s", Signature("f", (Parameter("a", "list[int]"),), "list[int]"), ())


@pytest.mark.parametrize(
    ("problem", "text", "reason"),
    [
        (DOUBLE, "assert double(1, 2) == 3", expectations.ARITY),
        (DOUBLE, "assert double(2) == 5", expectations.EXAMPLE),
        (DOUBLE, "assert double(7) == 14\nassert double(7) == 15", expectations.ITSELF),
        (DOUBLE, "assert double(7) == '14'", expectations.TYPE),
        (DOUBLE, "assert double(7) == True", expectations.TYPE),
        (LISTS, "assert f([1]) == [1.5]", expectations.TYPE),
        (DOUBLE, "double(7) == 14", expectations.NOTHING),
        (DOUBLE, "assert double(x) == 14", expectations.NOTHING),
        (DOUBLE, "assert double(7", expectations.NOTHING),
        (DOUBLE, "\x00" * 99, expectations.NOTHING),
        (DOUBLE, "", expectations.NOTHING),
    ],
)
def test_an_invalid_expectation_is_recognised(problem: FunctionProblem, text: str, reason: str) -> None:
    told = read_expected(problem, Completion(block(text), "stop", 9), [Call((7,))])
    assert told.expected == ()
    assert told.reasons == (reason,)


def test_what_is_right_about_a_reply_is_kept() -> None:
    text = "assert double(2) == 4  # known\nassert double(7) == 14\nassert double(7) == 14\nassert double(8) == 'x'"
    told = read_expected(DOUBLE, Completion(block(text), "stop", 9), [Call((7,))])
    assert told.expected == ((Call((7,)), 14),)
    assert told.reasons == (expectations.TYPE,)


def test_the_last_value_of_a_cut_reply_is_not_trusted() -> None:
    text = "```python\nassert double(7) == 14\nassert double(61) == 12"
    told = read_expected(DOUBLE, Completion(text, "length", 9), [Call((7,)), Call((61,))])
    assert told.expected == ((Call((7,)), 14),)


def test_an_annotation_that_the_examples_do_not_fit_says_nothing() -> None:
    wrong = replace(DOUBLE, signature=replace(DOUBLE.signature, returns="str"))
    assert returns_fit(wrong, 3)
    assert not returns_fit(DOUBLE, "3")


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", 3, True),
        ("float", 3, "3"),
        ("bool", False, 0),
        ("list[list[int]]", [[1], []], [[1], ["a"]]),
        ("List[str]", ["a"], ("a",)),
        ("typing.List[str]", ["a"], [1]),
        ("tuple[int, str]", (1, "a"), (1, "a", 2)),
        ("tuple[int, ...]", (1, 2, 3), (1, "a")),
        ("dict[str, int]", {"a": 1}, {1: 1}),
        ("Optional[int]", None, "a"),
        ("int | None", None, "a"),
        ("Union[int, str]", "a", 1.5),
        ("None", None, 0),
        ("'int'", 3, "a"),
        ("set", {1}, [1]),
        ("-> nonsense(", 3, None),
        ("TreeNode", [1, 2], None),
        ("", 3, None),
    ],
)
def test_values_fit_annotations(annotation: str, good: Any, bad: Any) -> None:
    assert fits(annotation, good)
    understood = annotation not in {"-> nonsense(", "TreeNode", ""}
    assert fits(annotation, bad) is not understood


def sums(answer: Any) -> Session:
    given = session(replace(SUMS, examples=()), answer)
    given.pool.add_candidate(Candidate("a", "print(0)", "draft", None, "k", 1, Program("print(0)")))
    for text in ("1\n6\n", "0\n\n"):
        given.pool.add_input(Stdin(text))
    return given


async def test_stdin_expectations_need_a_block_for_each_input() -> None:
    found = await self_tests(
        sums(scripted(["```\n0\n```\n```\n6\n```", "```\n6\n```"], ["no blocks"])), inputs=2, samples=2
    )
    assert votes(found) == [(Stdin("0\n\n"), "0\n", 1, 2), (Stdin("1\n6\n"), "6\n", 1, 2)]
    assert found.reasons == (expectations.BLOCKS, AGAIN, expectations.NOTHING)


async def test_stdin_expectations_are_asked_for_again() -> None:
    found = await self_tests(sums(scripted(["```\n6\n```"], ["```\n0\n```\n```\n6\n```"])), inputs=2, samples=1)
    assert [(t.expected, t.votes, t.voters) for t in found.tests] == [("0\n", 1, 1), ("6\n", 1, 1)]


def test_nothing_printed_is_no_answer_where_the_examples_print() -> None:
    told = read_expected(SUMS, Completion("```\n\n```", "stop", 3), [Stdin("1\n6\n")])
    assert (told.expected, told.reasons) == ((), (expectations.TYPE,))


async def test_tests_are_asked_where_the_likeliest_differ_and_short_ones_first() -> None:
    given = with_candidates(
        session(DOUBLE_BLIND), a=(TWICE, {100: 200, 2: 4, 3: 6}), b=(SQUARE, {100: 10000, 2: 4, 3: 9})
    )
    assert choose(given, 2) == [Call((3,)), Call((100,))]
    given.pool.tests.append(TestCase(Call((3,)), 6, "self_tests", 1, 1))
    assert choose(given, 2) == [Call((100,)), Call((2,))]


async def test_where_hopeless_candidates_differ_is_no_question() -> None:
    """Three odd programs differ on 10 only; the two likely ones differ on 11."""
    given = session(DOUBLE)
    likely = {2: 4, 5: 10, 10: 20}
    with_candidates(
        given,
        a=(TWICE, {**likely, 11: 22}),
        b=("def double(x):\n    return x * 2 if x != 11 else 0", {**likely, 11: 0}),
        c=(SQUARE, {2: 4, 5: 25, 10: 1, 11: 22}),
        d=("def double(x):\n    return 7", {2: 7, 5: 7, 10: 2, 11: 22}),
    )
    assert choose(given, 1) == [Call((11,))]


@pytest.mark.asyncio(loop_scope="session")
async def test_an_unasked_test_counts_if_a_candidate_answers_there(sandbox: Sandbox) -> None:
    text = block("assert double(7) == 14\nassert double('x') == 4\nassert double(8) == 16")
    given = session(DOUBLE, lambda r, i: text)
    given = with_candidates(given, a=("def double(x):\n    return 2 * (x - 0)", {7: 14, 9: 18}))
    given.tools = replace(given.tools, sandbox=sandbox)
    found = await self_tests(given, inputs=2, samples=1, ask_again=0)
    assert [t.input for t in found.tests] == [Call((7,)), Call((8,))]
    assert found.reasons == ("a test on an input that was not asked for fails in all candidates",)


@pytest.mark.asyncio(loop_scope="session")
async def test_it_replays_without_a_model_or_a_sandbox(sandbox: Sandbox) -> None:
    texts = [["nothing", block("assert double(8) == 16")], [block("assert double(7) == 14")] * 2]
    live = with_candidates(session(DOUBLE, scripted(*texts)), a=(TWICE, {7: 14}))
    live.tools = replace(live.tools, sandbox=sandbox)
    found = await self_tests(live, inputs=1, samples=2)
    assert {t.input for t in found.tests} == {Call((7,)), Call((8,))}
    again = with_candidates(session(DOUBLE), a=(TWICE, {7: 14}))
    again.tools = replace(live.tools, client=None, sandbox=None, mode="replay")
    assert await self_tests(again, inputs=1, samples=2) == found
    assert again.usage == live.usage


async def test_a_server_may_give_fewer_replies_than_asked() -> None:
    given = with_candidates(session(DOUBLE), a=(TWICE, {7: 14}))

    async def one(request: Request) -> Reply:
        return Reply((Completion(block("assert double(7) == 14"), "stop", 5),), 9)

    given.tools.client.complete = one  # type: ignore[union-attr, method-assign]
    assert votes(await self_tests(given, inputs=1, samples=4)) == [(Call((7,)), 14, 1, 1)]
