from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.compare import codec
from atlas.problem import Call, FunctionProblem, Parameter, Signature
from atlas.search.moves.making import neighbours
from atlas.search.moves.values import maker, mutated
from atlas.structures import canonical

SCALARS = st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.none()
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.sets(st.integers(), max_size=4)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(PLAIN, st.integers(0, 1000))
def test_a_mutation_keeps_the_type_and_is_plain_data(value: Any, seed: int) -> None:
    before = codec.dumps(value)
    changed = mutated(value, random.Random(seed))
    assert type(changed) is type(value)
    assert codec.dumps(value) == before, "the original is left alone"
    codec.dumps(changed)
    if isinstance(value, tuple):
        assert len(changed) == len(value)


@given(PLAIN, st.integers(0, 1000))
def test_a_mutation_follows_from_its_seed(value: Any, seed: int) -> None:
    one, other = (mutated(value, random.Random(seed)) for _ in range(2))
    assert codec.dumps(one) == codec.dumps(other)


@pytest.mark.parametrize("value", [True, 7, 2.5, "hello", [1, 2, 3], ("a", 1), {"a": 1}, {1, 2}, 10**9])
def test_mutations_differ(value: Any) -> None:
    found = {codec.dumps(mutated(value, random.Random(seed))) for seed in range(20)}
    assert found - {codec.dumps(value)}


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("int", int),
        ("float", float),
        ("bool", bool),
        ("str", str),
        ("list[int]", list),
        ("List[str]", list),
        ("typing.List[str]", list),
        ("list", list),
        ("Sequence[float]", list),
        ("set[int]", set),
        ("frozenset[str]", frozenset),
        ("dict[str, int]", dict),
        ("dict", dict),
        ("tuple[int, str]", tuple),
        ("tuple[int, ...]", tuple),
        ("'int'", int),
        ("None", type(None)),
    ],
)
def test_values_from_an_annotation(annotation: str, kind: type) -> None:
    make = maker(annotation)
    assert make is not None
    for seed in range(20):
        value = make(random.Random(seed))
        assert type(value) is kind
        codec.dumps(value)


@pytest.mark.parametrize("annotation", ["Optional[int]", "int | None", "Union[int, None]"])
def test_optional_values(annotation: str) -> None:
    make = maker(annotation)
    assert make is not None
    assert {type(make(random.Random(seed))) for seed in range(40)} == {int, type(None)}


def test_nested_annotations() -> None:
    make = maker("dict[str, list[tuple[int, str]]]")
    assert make is not None
    found = [make(random.Random(seed)) for seed in range(40)]
    pairs = [pair for d in found for items in d.values() for pair in items]
    assert pairs
    assert all(type(a) is int and type(b) is str for a, b in pairs)


@pytest.mark.parametrize(
    "annotation",
    [
        "",
        "Any",
        "T",
        "Callable[[int], int]",
        "list[",
        "x y",
        "int | Any",
        "0",
        "(" * 999,
        "set[list[int]]",
        "dict[set[int], int]",
    ],
)
def test_what_says_too_little_makes_nothing(annotation: str) -> None:
    assert maker(annotation) is None


@pytest.mark.parametrize("annotation", ["ListNode", "Optional[ListNode]", "'TreeNode'", "TreeNode | None"])
def test_linked_lists_and_trees_are_lists(annotation: str) -> None:
    make = maker(annotation)
    assert make is not None
    found = [make(random.Random(seed)) for seed in range(60)]
    assert all(type(value) is list for value in found)
    assert [] in found
    assert any(None in value for value in found) == ("Tree" in annotation)
    assert all(not value or value[0] is not None is not value[-1] for value in found)


def test_lists_of_structures() -> None:
    make = maker("List[Optional[ListNode]]")
    assert make is not None
    found = [make(random.Random(seed)) for seed in range(40)]
    assert any(found)
    assert all(type(item) is list for value in found for item in value)


def test_neighbours_of_trees_are_trees_in_canonical_form() -> None:
    signature = Signature("depth", (Parameter("root", "Optional[TreeNode]"),), "int")
    problem = FunctionProblem("t", "Say.", signature)
    make = neighbours([Call(([3, 9, 20, None, None, 15, 7],))], [], problem)
    assert make is not None
    found = [make(random.Random(seed)) for seed in range(200)]
    assert len({str(call) for call in found}) > 20
    assert all(isinstance(call, Call) and canonical("tree", call.args[0]) == call.args[0] for call in found)
