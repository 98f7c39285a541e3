from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from search_script import DOUBLE, DOUBLE_BLIND, PLUS_TWO, SQUARE, SUMS, TWICE, ScriptedModel, block

from atlas.llm.types import Request
from atlas.problem import Call, FunctionProblem, Parameter, Problem, Signature, Stdin
from atlas.sandbox.types import Observation, Program, Status
from atlas.search.evidence import posterior
from atlas.search.measure import measure
from atlas.search.moves.draft import draft
from atlas.search.moves.inputs import inputs
from atlas.search.moves.repair import repair
from atlas.search.moves.self_tests import choose, self_tests
from atlas.search.outputs import input_key
from atlas.search.pool import Additions, Candidate, Pool, TestCase
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


async def test_draft_names_its_candidates_by_structure() -> None:
    codes = [TWICE, SQUARE, PLUS_TWO, "nothing"]
    given = session(DOUBLE, lambda r, i: block(codes[i]) if r.n > 1 else block(TWICE))
    given.round = 3
    found = await draft(given, n=6)
    assert [c.id for c in found.candidates] == ["draft-3.0", "draft-3.1", "draft-3.2", "draft-3.3", "draft-3.5"]
    assert found.reasons == ("a reply held no usable program",)
    assert [(r.n, r.sampling.temperature) for r in asked(given)] == [(1, 0.0), (4, 0.8), (1, 0.8)]
    assert found.candidates[1].key == "test/double/3/draft/-/1"
    assert not given.pool.members, "the pool is changed at the end of the round only"


async def test_a_later_round_draws_with_other_seeds() -> None:
    given = session(DOUBLE, lambda r, i: block(TWICE))
    await draft(given, n=2)
    given.round = 1
    await draft(given, n=2)
    assert len({r.seed for r in asked(given)}) == 4


async def test_inputs_are_neighbours_of_the_examples() -> None:
    problem = FunctionProblem("p", "s", Signature("f", (Parameter("a"), Parameter("b"))), tuple(DOUBLE.examples[:0]))
    examples = [replace(e, input=Call((["x", "yy"], n))) for n, e in enumerate(DOUBLE.examples)]
    given = session(replace(problem, examples=tuple(examples)))
    found = await inputs(given, calls=20)
    assert len({input_key(i) for i in found.inputs}) == len(found.inputs) == 20
    for input in found.inputs:
        assert isinstance(input, Call)
        assert [type(a) for a in input.args] == [list, int]
    assert not {input_key(i) for i in found.inputs} & {input_key(i) for i in given.pool.inputs}
    assert not asked(given)


async def test_inputs_depend_on_the_seed_alone() -> None:
    one, same, other = [(await inputs(session(DOUBLE_BLIND, seed=s))).inputs for s in (1, 1, 2)]
    assert one == same != other


async def test_inputs_without_examples_follow_the_annotations() -> None:
    found = await inputs(session(DOUBLE_BLIND), calls=10)
    assert len(found.inputs) == 10
    assert all(isinstance(i, Call) and type(i.args[0]) is int for i in found.inputs)


async def test_a_function_without_parameters_has_one_input() -> None:
    problem = FunctionProblem("p", "Return 1.", Signature("one"))
    assert (await inputs(session(problem))).inputs == (Call(()),)


async def test_inputs_are_asked_for_where_nothing_is_known() -> None:
    bare = FunctionProblem("p", "s", Signature("f", (Parameter("a"), Parameter("b"))))
    given = session(bare, lambda r, i: block("f(1, [2])\nf(3)\nf('a', None)\nf(x, 1)"))
    assert (await inputs(given)).inputs == (Call((1, [2])), Call(("a", None)))
    stdin = session(replace(SUMS, examples=()), lambda r, i: "```\n2\n1 2\n```\n```\n0\n\n```\n")
    assert (await inputs(stdin)).inputs == (Stdin("2\n1 2\n"), Stdin("0\n"))
    assert "Write test inputs" in asked(stdin)[0].messages[0].content


async def test_a_reply_without_inputs_is_counted() -> None:
    given = session(replace(SUMS, examples=()), lambda r, i: "no idea")
    assert await inputs(given) == Additions(reasons=("a reply held no usable input",))


async def test_stdin_inputs_keep_the_format() -> None:
    found = await inputs(session(SUMS), texts=12)
    assert len(found.inputs) == 12
    for input in found.inputs:
        assert isinstance(input, Stdin)
        count, numbers = input.text.splitlines()
        assert int(count) == len(numbers.split())


async def test_expectations_are_voted_and_known_ones_dropped() -> None:
    replies = [
        "assert double(7) == 14\nassert double(0) == 0\nassert double(2) == 5",
        "assert double(7) == 14\nassert double(7) == 14\nassert double(0) == 1\nassert double(1, 2) == 3",
        "I don't know.",
    ]
    given = with_candidates(session(DOUBLE, lambda r, i: block(replies[i])), a=(TWICE, {7: 14, 0: 0}))
    found = await self_tests(given, inputs=2, samples=3)
    assert [(t.input, t.expected, t.votes, t.voters) for t in found.tests] == [
        (Call((7,)), 14, 2, 3),
        (Call((0,)), 0, 1, 3),
        (Call((0,)), 1, 1, 3),
    ]
    assert found.reasons == ("a reply held no usable test",)


async def test_stdin_expectations_need_a_block_for_each_input() -> None:
    replies = ["```\n6\n```\n```\n0\n```", "```\n6\n```"]
    given = session(replace(SUMS, examples=()), lambda r, i: replies[i])
    given.pool.add_candidate(Candidate("a", "print(0)", "draft", None, "k", 1, Program("print(0)")))
    for text in ("1\n6\n", "0\n\n"):
        given.pool.add_input(Stdin(text))
    found = await self_tests(given, inputs=2, samples=2)
    assert sorted((t.expected, t.votes) for t in found.tests) == [("0\n", 1), ("6\n", 1)]
    assert found.reasons == ("a reply held no usable test",)


async def test_tests_are_asked_where_the_candidates_differ() -> None:
    given = with_candidates(
        session(DOUBLE_BLIND), a=(TWICE, {100: 200, 2: 4, 3: 6}), b=(SQUARE, {100: 10000, 2: 4, 3: 9})
    )
    assert choose(given, 2) == [Call((3,)), Call((100,))]
    given.pool.tests.append(TestCase(Call((3,)), 6, "self_tests", 1, 1))
    assert choose(given, 2) == [Call((100,)), Call((2,))]


async def test_repair_shows_the_failing_example_of_the_best() -> None:
    given = session(DOUBLE, lambda r, i: block(TWICE))
    with_candidates(given, a=(SQUARE, {2: 4, 5: 25}), b=(PLUS_TWO, {2: 4, 5: 7}), c=("x = 1", {2: 0, 5: 0}))
    found = await repair(given, parents=2, samples=2)
    assert [(c.id, c.parent) for c in found.candidates] == [
        ("repair-0.0.0", "a"),
        ("repair-0.0.1", "a"),
        ("repair-0.1.0", "b"),
        ("repair-0.1.1", "b"),
    ]
    text = asked(given)[0].messages[0].content
    assert SQUARE in text
    assert "double(5) gave 25 but 10 is expected." in text
    assert "double(2) gave" not in text


async def test_repair_without_a_failing_example_goes_by_the_majority() -> None:
    given = session(DOUBLE_BLIND, lambda r, i: block(TWICE))
    other = "def double(x):\n    return x + x"
    with_candidates(given, a=(TWICE, {2: 4, 5: 10}), b=(other, {2: 4, 5: 10}), c=(SQUARE, {2: 4, 5: 25}))
    found = await repair(given)
    assert {c.parent for c in found.candidates} == {"c"}
    assert "double(5) gave 25 but 10 is expected." in asked(given)[0].messages[0].content


async def test_a_candidate_is_repaired_once() -> None:
    given = session(DOUBLE, lambda r, i: block(SQUARE))
    with_candidates(given, a=(SQUARE, {2: 4, 5: 25}))
    given.pool.add(await repair(given))
    assert await repair(given) == Additions()
    assert [(m.drawn, m.derived, m.weight) for m in given.pool.members] == [(1, 2, 1.5)]


async def test_there_is_nothing_to_repair_where_all_agree() -> None:
    given = with_candidates(session(DOUBLE), a=(TWICE, {2: 4, 5: 10}))
    assert await repair(given) == Additions()
    assert not asked(given)


async def test_an_error_is_shown_to_be_repaired() -> None:
    given = session(DOUBLE, lambda r, i: block(TWICE))
    with_candidates(given, a=(SQUARE, {2: 4}))
    place = given.pool.index_of(Call((5,)))
    given.pool.observe(0, [place], [Observation(Status.EXCEPTION, error="KeyError: 5" + "!" * 900)])
    given.standing = posterior(measure(given.pool))
    await repair(given)
    text = asked(given)[0].messages[0].content
    assert "double(5) gave KeyError: 5!!!" in text
    assert len(text) < 1200


@pytest.mark.parametrize("move", [draft, inputs, self_tests, repair])
async def test_moves_leave_the_order_of_replies_out(move: Any) -> None:
    results: list[Additions] = []
    for seed in range(2):
        given = session(DOUBLE, lambda r, i: block(f"def double(x):\n    return x + {(r.seed or 0) % 97 + i}"))
        assert isinstance(given.tools.client, ScriptedModel)
        given.tools.client.delays = random.Random(seed)
        with_candidates(given, a=(SQUARE, {2: 4, 5: 25}), b=(PLUS_TWO, {2: 4, 5: 7}))
        results.append(await move(given))
    assert results[0] == results[1]
