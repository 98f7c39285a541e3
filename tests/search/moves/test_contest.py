from __future__ import annotations

from typing import Any

import pytest
from search_script import DOUBLE, DOUBLE_BLIND, PLUS_TWO, SQUARE, TWICE
from search_session import session, with_candidates

from atlas.problem import Call, Stdin
from atlas.sandbox.types import Observation, Status
from atlas.search.moves.contest import Contest, contests, differences, gap, groups_of, known_differences, rejected, slow
from atlas.search.outputs import input_key

SUM = "def double(x):\n    return x + x"
OK = Observation(Status.OK, 4)
RAISED = Observation(Status.EXCEPTION)
LATE = Observation(Status.CPU_LIMIT)


def four() -> Any:
    """Two that agree, and two loners, of which one was drawn twice."""
    given = session(DOUBLE_BLIND)
    with_candidates(given, d=(PLUS_TWO, {2: 4, 5: 7}))
    with_candidates(given, e=(PLUS_TWO, {}))
    return with_candidates(given, a=(TWICE, {2: 4, 5: 10}), b=(SUM, {2: 4, 5: 10}), c=(SQUARE, {2: 4, 5: 25}))


def test_the_likeliest_clusters_meet_first_and_the_leading_one_is_tried_within() -> None:
    given = four()
    groups = groups_of(given)
    ids = [[given.pool.members[m].candidate.id for m in group] for group in groups]
    assert sorted(map(sorted, ids[:2])) == [["a", "b"], ["d"]]
    assert ids[2] == ["c"]
    found = contests(given, groups, 2)
    firsts = [group[0] for group in groups]
    assert found[:2] == (Contest(firsts[0], firsts[1]), Contest(firsts[0], firsts[2]))
    mates = groups[0][1:]
    assert found[2:] == tuple(Contest(firsts[0], mate, within=True) for mate in mates)
    assert contests(given, groups, 0) == ()


def test_who_fails_an_example_or_answers_nowhere_is_out() -> None:
    given = with_candidates(session(DOUBLE), a=(TWICE, {2: 4, 5: 10}), b=(SQUARE, {2: 4, 5: 25}), c=(SUM, {}))
    assert groups_of(given) == [[0]]
    assert groups_of(with_candidates(session(DOUBLE), b=(SQUARE, {2: 4, 5: 25}), d=(PLUS_TWO, {2: 4, 5: 7}))) == []


def test_without_a_ranking_there_are_no_groups() -> None:
    assert groups_of(session(DOUBLE)) == ()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (OK, OK, None),
        (OK, Observation(Status.OK, 5), 0),
        (OK, Observation(Status.OK, 4.0), 0),
        (OK, RAISED, 1),
        (LATE, OK, 1),
        (RAISED, RAISED, None),
        (RAISED, LATE, None),
        (OK, Observation(Status.INFRASTRUCTURE), None),
        (OK, Observation(Status.NO_LOAD), None),
        (OK, None, None),
    ],
)
def test_how_two_outcomes_differ(first: Observation, second: Observation | None, expected: int | None) -> None:
    assert gap(Call((2,)), first, second) == expected
    assert gap(Call((2,)), second, first) == expected


def test_stdout_differs_by_tokens() -> None:
    texts = [Observation(Status.OK, stdout=text) for text in ("1 2\n", "1  2", "1 3\n")]
    assert gap(Stdin("x"), texts[0], texts[1]) is None
    assert gap(Stdin("x"), texts[0], texts[2]) == 0


def test_what_both_answer_comes_first_then_what_is_short() -> None:
    inputs = [Call((n,)) for n in (1, 222, 33, 4)]
    theirs = [RAISED, Observation(Status.OK, 5), Observation(Status.OK, 5), OK]
    seen = {(0, input_key(i)): OK for i in inputs} | {(1, input_key(i)): o for i, o in zip(inputs, theirs, strict=True)}
    assert differences(Contest(0, 1), inputs, seen) == [(0, Call((33,))), (0, Call((222,))), (1, Call((1,)))]


def test_known_differences_leave_examples_out() -> None:
    given = with_candidates(session(DOUBLE), a=(TWICE, {2: 4, 5: 10, 3: 6}), b=(SQUARE, {2: 4, 5: 25, 3: 9}))
    assert known_differences(given, Contest(0, 1)) == [Call((3,))]


def test_who_runs_into_the_clock_twice_is_slow() -> None:
    assert slow({(0, "a"): LATE, (1, "a"): LATE, (1, "b"): LATE, (2, "a"): RAISED}) == {1}


def test_the_greater_part_of_the_votes_rejects_an_input() -> None:
    given = four()
    pool, groups = given.pool, groups_of(given)
    firsts = [group[0] for group in groups]
    name = input_key(Call((0,)))
    by_id = {pool.members[first].candidate.id: (first, name) for first in firsts}
    leading = next(key for id, key in by_id.items() if id in {"a", "b"})
    # Two votes of five are no majority, four are.
    assert not rejected(pool, groups, Call((0,)), {leading: RAISED, by_id["c"]: OK, by_id["d"]: OK})
    assert rejected(pool, groups, Call((0,)), {leading: RAISED, by_id["c"]: OK, by_id["d"]: RAISED})
    # Half is none either, and who was not run has no say.
    assert not rejected(pool, groups, Call((0,)), {leading: RAISED, by_id["d"]: OK})
    assert not rejected(pool, groups, Call((0,)), {})
