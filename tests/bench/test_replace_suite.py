"""A suite that is there is only written anew with the same content, unless it is to be replaced."""

from __future__ import annotations

import pytest
from bench_fixture import small_suite

from atlas.bench.home import SuitePaths, user_suite
from atlas.bench.keys import HiddenTest, Key
from atlas.bench.suites.install import install, replacing
from atlas.bench.suites.store import load
from atlas.compare.rules import Rule
from atlas.errors import UsageError
from atlas.problem import Call, FunctionProblem, Signature


def other(paths: SuitePaths, expected: int = 1) -> None:
    problem = FunctionProblem("other/0", "Return one.", Signature("f"))
    key = Key(problem.id, Rule(), (HiddenTest(Call(()), expected),))
    install(paths, [(problem, key)], version="1", source="test", licence="Apache-2.0")


def test_the_same_again_is_welcome_and_another_one_is_not(atlas_home):
    paths = user_suite("small")
    small_suite()
    before = load(paths.problems)
    small_suite()
    with pytest.raises(UsageError, match=r"another suite 'small' \(4 problems, test\).*--force"):
        other(paths)
    assert load(paths.problems) == before


def test_other_keys_make_another_suite(atlas_home):
    paths = user_suite("other")
    other(paths)
    with pytest.raises(UsageError, match="another suite"):
        other(paths, expected=2)


def test_replacing_leaves_the_new_one_alone(atlas_home):
    paths = user_suite("small")
    small_suite()
    with replacing(paths):
        other(paths)
    assert [p.id for p in load(paths.problems).problems] == ["other/0"]
    assert {p.name for p in paths.problems.parent.iterdir()} == {"small"}
    assert {p.name for p in paths.keys.parent.iterdir()} == {"small"}


def test_what_could_not_be_replaced_comes_back(atlas_home):
    paths = user_suite("small")
    small_suite()
    before, keys = load(paths.problems), (paths.keys / "keys.jsonl").read_bytes()
    with pytest.raises(UsageError, match="no problem"), replacing(paths):
        install(paths, [], version="1", source="test", licence="Apache-2.0")
    assert load(paths.problems) == before
    assert (paths.keys / "keys.jsonl").read_bytes() == keys


def test_there_need_be_nothing_to_replace(atlas_home):
    with replacing(user_suite("other")):
        other(user_suite("other"))
    assert load(user_suite("other").problems).name == "other"
