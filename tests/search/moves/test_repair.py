from __future__ import annotations

from search_script import DOUBLE, DOUBLE_BLIND, PLUS_TWO, SQUARE, TWICE, block
from search_session import asked, session, with_candidates

from atlas.problem import Call
from atlas.sandbox.types import Observation, Status
from atlas.search.evidence import posterior
from atlas.search.measure import measure
from atlas.search.moves.repair import repair
from atlas.search.pool import Additions


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
