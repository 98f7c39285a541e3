import json
import math
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.compare import codec

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
)
hashable = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=6)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.sets(hashable, max_size=4)
    ),
    max_leaves=12,
)


def typed(value):
    """The value with every type spelled out; sets and dicts by their order in memory left aside."""
    if isinstance(value, list | tuple):
        return (type(value).__name__, [typed(item) for item in value])
    if isinstance(value, set | frozenset):
        return (type(value).__name__, sorted(map(repr, map(typed, value))))
    if isinstance(value, dict):
        return ("dict", [(typed(k), typed(v)) for k, v in value.items()])
    return (type(value).__name__, repr(value))


@given(values)
def test_values_come_back_with_their_types(value):
    assert typed(codec.loads(codec.dumps(value))) == typed(value)


@pytest.mark.parametrize("text", ["\ud800", "\ud83d\ude00", "😀", "\x00", "\udc80x"])
def test_strings_come_back_code_point_by_code_point(text):
    assert codec.loads(codec.dumps(text)) == text


EDGES = [math.inf, -math.inf, -0.0, 10**5000, -(2**63) - 1, 2**63, complex(math.inf, -0.0)]


@pytest.mark.parametrize("index", range(len(EDGES)))
def test_numbers_at_the_edges(index):
    value = EDGES[index]
    back = codec.loads(codec.dumps(value))
    assert back == value
    assert type(back) is type(value)
    assert not isinstance(value, float) or math.copysign(1, back) == math.copysign(1, value)


def test_nan():
    assert math.isnan(codec.loads(codec.dumps(math.nan)))


def test_a_set_has_one_text_whatever_its_history():
    one, other = {1, 2, 1 << 40}, {1 << 40}
    other |= {2, 1}
    assert codec.dumps(one) == codec.dumps(other)


class Liar(list):
    def __eq__(self, other):
        return True

    __hash__ = None

    def __iter__(self):
        return iter([1, 2, 3])

    def __len__(self):
        return 99


class Level(IntEnum):
    LOW = 1


class Name(str):
    __slots__ = ()

    def __str__(self):
        return "other"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Liar([7]), [7]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(int, {1: 2}), {1: 2}),
        (OrderedDict([(2, 1), (1, 2)]), {2: 1, 1: 2}),
        (namedtuple("P", "x y")(1, 2), (1, 2)),
        (Level.LOW, 1),
        (Name("name"), "name"),
        (type("F", (float,), {"__float__": lambda self: 9.0})(-0.0), -0.0),
        (type("B", (bytes,), {})(b"x"), b"x"),
        (type("S", (frozenset,), {})([1]), frozenset([1])),
    ],
)
def test_subclasses_are_carried_as_the_data_they_hold(value, plain):
    assert typed(codec.loads(codec.dumps(value))) == typed(plain)


class Forged:
    __class__ = list  # type: ignore[assignment]


@pytest.mark.parametrize("value", [object(), range(3), iter([]), len, Forged(), [lambda: 0], bytearray(b"x")])
def test_what_is_not_plain_data_is_refused(value):
    with pytest.raises(codec.CodecError, match="not plain data"):
        codec.encode(value)


def test_cycles_are_refused():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(codec.CodecError, match="deep"):
        codec.encode(loop)


HOSTILE = [
    "{}", "[]", "[1]", "[[]]", '["x",1]', '["l",[]]', '["i","5"]', '["i",5]', '["i","0x0f00000000000000000"]',
    '["f","1.0"]', '["f","infinity"]', "NaN", "Infinity", "1e999", '["c",1,2]', '["c",1.0]', '["b","0"]',
    '["b"]', '["u","ff"]', '["d",[1]]', '["d",1]', '["d",[1,2],[1,3]]', '["d",[1,2],[true,3]]', '["s",1,1]',
    '["s",["l"]]', '["d",[["l"],1]]', '["s",1,1.0]', "nul", "", '"', "9" * 5000, "[" * 100_000,
    "[\"l\"," * 200 + "1" + "]" * 200,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24] or "empty")
def test_malformed_data_is_refused(text):
    with pytest.raises(codec.CodecError):
        codec.loads(text)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(codec.CodecError):
        codec.loads(b"\xff\xfe\x00")


def test_size_is_bounded():
    with pytest.raises(codec.CodecError, match="too many"):
        codec.loads(json.dumps(["l", *range(100)]), nodes=100)


def test_a_set_of_colliding_hashes_is_refused_before_it_is_built():
    with pytest.raises(codec.CodecError, match="hashes"):
        codec.decode(["s", *[["i", hex((2**61 - 1) * i)] for i in range(8, 200)]])
