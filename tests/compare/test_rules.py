import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.compare.codec import CodecError
from atlas.compare.rules import Rule, equal, fingerprint

EXACT, PYTHON = Rule("exact"), Rule("python_eq")
UNORDERED, STDOUT = Rule("unordered"), Rule("stdout")
FLOAT, STDOUT_FLOAT = Rule("float", 1e-6), Rule("stdout", 1e-6)

CASES = [
    # rule, expected, actual, equal?
    (EXACT, 1, 1, True),
    (EXACT, 1, True, False),
    (EXACT, 1, 1.0, False),
    (EXACT, (1,), [1], False),
    (EXACT, "1", 1, False),
    (EXACT, {1: "a", 2: "b"}, {2: "b", 1: "a"}, True),
    (EXACT, {1: "a"}, {1.0: "a"}, False),
    (EXACT, {1, 2}, frozenset({1, 2}), False),
    (EXACT, [math.nan], [float("nan")], True),
    (EXACT, 0.0, -0.0, True),
    (EXACT, 2**70, 2**70 + 1, False),
    (EXACT, b"a", "a", False),
    (EXACT, complex(1, 2), complex(1, 2), True),
    (PYTHON, 1, True, True),
    (PYTHON, [1, 2.0], [1.0, 2], True),
    (PYTHON, {1}, frozenset({True}), True),
    (PYTHON, (1,), [1], False),
    (PYTHON, 1, complex(1, 0), True),
    (PYTHON, 2.0**70, 2**70, True),
    (PYTHON, 2.0**70, 2**70 + 1, False),
    (PYTHON, {1: [True]}, {1.0: [1]}, True),
    (PYTHON, None, 0, False),
    (UNORDERED, [1, 2, 2], [2, 1, 2], True),
    (UNORDERED, [1, 2, 2], [1, 1, 2], False),
    (UNORDERED, [[1, 2]], [[2, 1]], False),
    (UNORDERED, [1, "a", None], [None, 1, "a"], True),
    (UNORDERED, [1], (1,), False),
    (UNORDERED, "ab", "ba", False),
    (STDOUT, "1 2\n3\n", "1 2 3", True),
    (STDOUT, "1.0", "1", False),
    (STDOUT, "yes", "YES", False),
    (STDOUT, "", "\n", True),
    (STDOUT, "1", "1 1", False),
]


@pytest.mark.parametrize(("rule", "expected", "actual", "same"), CASES)
def test_equality_and_fingerprints_say_the_same(rule, expected, actual, same):
    assert equal(expected, actual, rule) is same
    assert equal(actual, expected, rule) is same
    assert (fingerprint(expected, rule) == fingerprint(actual, rule)) is same


@pytest.mark.parametrize(
    ("rule", "expected", "actual", "same"),
    [
        (FLOAT, 1.0, 1.0 + 1e-9, True),
        (FLOAT, 1.0, 1.001, False),
        (FLOAT, 1e9, 1e9 + 1, True),
        (FLOAT, 1, 1.0, True),
        (FLOAT, 1, True, False),
        (FLOAT, [1.0, [2.0]], [1.0, [2.0 + 1e-8]], True),
        (FLOAT, [1.0], (1.0,), False),
        (FLOAT, {"a": 1.0}, {"a": 1 + 1e-8}, True),
        (FLOAT, {"a": 1.0}, {"b": 1.0}, False),
        (FLOAT, {1.0, 2.0}, {2.0, 1 + 1e-9}, True),
        (FLOAT, {"a"}, {"b"}, False),
        (FLOAT, [1.0], [1.0, 1.0], False),
        (FLOAT, math.nan, math.nan, True),
        (FLOAT, math.inf, -math.inf, False),
        (FLOAT, math.inf, 1e300, False),
        (FLOAT, 10**400, 1.5, False),
        (FLOAT, complex(1, 1), complex(1, 1 + 1e-9), True),
        (FLOAT, "a", "a", True),
        (STDOUT_FLOAT, "x 0.333333333", "x 0.333333334", True),
        (STDOUT_FLOAT, "0.3", "0.4", False),
        (STDOUT_FLOAT, "nan", "NaN", False),
        (STDOUT_FLOAT, "1_0", "10", False),
        (STDOUT_FLOAT, "1e999", "1e999", True),
    ],
)
def test_tolerance(rule, expected, actual, same):
    assert equal(expected, actual, rule) is same


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e12 / 3, -5.5, 7, [math.inf, math.nan, 10**30], None])
def test_fingerprints_with_a_tolerance_ignore_what_is_far_below_it(value):
    rule = Rule("float", 1e-6)

    def moved(v):
        return [moved(x) for x in v] if isinstance(v, list) else v * (1 + 1e-15) if isinstance(v, float) else v

    assert fingerprint(value, rule) == fingerprint(moved(value), rule)
    assert fingerprint([value, 1], rule) != fingerprint([value, 2], rule)


def test_long_outputs_have_short_names():
    assert len(fingerprint([1] * 10_000)) < 100
    assert fingerprint([1] * 10_000) != fingerprint([1] * 10_001)
    assert fingerprint("\ud800" * 500, STDOUT).startswith("sha256:")


def test_stdout_that_is_no_text():
    assert not equal("1", 1, STDOUT)
    with pytest.raises(CodecError):
        fingerprint(1, STDOUT)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, -0.0, 1.0, 0.5]) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.integers(0, 2), inner),
    max_leaves=5,
)


@given(plain, plain)
def test_names_agree_with_python_where_python_is_the_rule(a, b):
    assert (fingerprint(a, PYTHON) == fingerprint(b, PYTHON)) is (a == b)


@given(st.lists(plain, max_size=5), st.randoms())
def test_order_is_ignored_at_the_top_only(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    assert equal(items, shuffled, UNORDERED)
    assert equal([items], [shuffled], UNORDERED) is equal(items, shuffled, EXACT)
