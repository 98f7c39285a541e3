"""A suite goes to disk in two stores and comes back the same; hostile files are one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.bench import home
from atlas.bench.home import find_suite, list_suites, user_suite
from atlas.bench.keys import HiddenTest, Key, read_keys
from atlas.bench.suites.install import install
from atlas.bench.suites.store import load
from atlas.compare.rules import Rule
from atlas.errors import UsageError
from atlas.problem import Call, Example, FunctionProblem, Parameter, Signature, Stdin, StdinProblem

FUNCTION = FunctionProblem(
    "own/f",
    "Sum \N{SNOWMAN} of all.",
    Signature("f", (Parameter("xs", "list[int]"), Parameter("y")), "float"),
    (Example(Call(([1, True, (2.5, None)], {"k": {1, 2}})), float("inf")),),
    prelude="import math",
    tags={"difficulty": "easy"},
)
SCRIPT = StdinProblem("own/s", "Echo.", (Example(Stdin("1 2\n"), "3\n"),), tags={"difficulty": "hard"})
PAIRS = [
    (FUNCTION, Key("own/f", Rule("float", 1e-6), (HiddenTest(Call(([], b"\x00")), -0.0),), reference="def f(): ...")),
    (SCRIPT, Key("own/s", Rule("stdout"), (HiddenTest(Stdin("4"), "4\n"),))),
]


def put(name: str = "own") -> home.SuitePaths:
    paths = user_suite(name)
    install(paths, PAIRS, version="1", source="here", licence="Apache-2.0")
    return paths


def test_round_trip(atlas_home: Path):
    paths = put()
    suite = load(find_suite("own").problems)
    assert suite.problems == (FUNCTION, SCRIPT)
    assert type(suite.problems[0].examples[0].input.args[0][1]) is bool
    assert (suite.name, suite.version, suite.licence) == ("own", "1", "Apache-2.0")
    keys = read_keys(paths.keys)
    assert [keys[p.id] for p, _ in PAIRS] == [k for _, k in PAIRS]
    assert [p.name for p in list_suites() if p.problems.is_relative_to(atlas_home)] == ["own"]


def test_the_problem_store_holds_nothing_of_the_keys(atlas_home: Path):
    paths = put()
    shown = b"".join(p.read_bytes() for p in paths.problems.rglob("*") if p.is_file())
    assert b"reference" not in shown
    assert b"def f(): ..." not in shown
    assert not paths.keys.is_relative_to(paths.problems)
    assert not paths.problems.is_relative_to(paths.keys)


def corrupt(path: Path, change: object) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert callable(change)
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[0].update(tests=[]), "either tests or a check"),
        (lambda rows: rows[0].update(extra=1), "line 1 is not a valid KeyRow"),
        (lambda rows: rows[0]["rule"].update(kind="magic"), "rule.kind"),
        (lambda rows: rows[1].update(id="own/f"), "occurs twice"),
        (lambda rows: rows[0]["tests"][0]["input"].update(call=None), "either call or stdin"),
        (lambda rows: rows[0]["tests"][0].update(expected=["?", 1]), "line 1"),
    ],
)
def test_hostile_keys(atlas_home: Path, change: object, said: str):
    paths = put()
    corrupt(paths.keys / "keys.jsonl", change)
    with pytest.raises(UsageError, match=said):
        read_keys(paths.keys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[0].update(signature=None), "without a function's name"),
        (lambda rows: rows[0].update(kind="stdin"), "not of kind stdin"),
        (lambda rows: rows[0].update(hidden_tests=[]), "hidden_tests"),
        (lambda rows: rows[0].update(id="a\nb"), "line 1"),
        (lambda rows: rows[0]["examples"][0].update(output={"a": 1}), "line 1"),
        (lambda rows: rows.clear(), "no problem"),
    ],
)
def test_hostile_problems(atlas_home: Path, change: object, said: str):
    from atlas.bench.jsonl import sha256

    paths = put()
    file = paths.problems / "problems.jsonl"
    corrupt(file, change)
    with pytest.raises(UsageError, match="not the file that suite"):
        load(paths.problems)
    about = json.loads((paths.problems / "suite.json").read_text())
    (paths.problems / "suite.json").write_text(json.dumps(about | {"problems_sha256": sha256(file)}))
    with pytest.raises(UsageError, match=said):
        load(paths.problems)


@pytest.mark.parametrize("name", ["", "../x", "A b", "x" * 65, ".hidden", "a/b"])
def test_names_that_are_no_directory(name: str):
    with pytest.raises(UsageError, match="suite's name"):
        user_suite(name)


def test_an_unknown_suite_lists_those_there_are(atlas_home: Path):
    put()
    with pytest.raises(UsageError, match=r"called 'none' \(there are: .*own"):
        find_suite("none")


def test_install_refuses_mismatched_pairs(atlas_home: Path):
    for pairs, said in (
        ([], "no problem"),
        ([PAIRS[0], PAIRS[0]], "same id"),
        ([(FUNCTION, PAIRS[1][1])], "another problem"),
    ):
        with pytest.raises(UsageError, match=said):
            install(user_suite("bad"), pairs, version="1", source="", licence="")
