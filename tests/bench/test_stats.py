"""Statistics against published or hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.bench.stats import holm, mcnemar, paired_bootstrap, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (329, 599, 0.509, 0.589),  # figures published with the 599-task ablation
        (447, 599, 0.710, 0.779),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_known(successes: int, n: int, low: float, high: float):
    got = wilson(successes, n)
    assert got.low == pytest.approx(low, abs=6e-4)
    assert got.high == pytest.approx(high, abs=6e-4)


@given(n=st.integers(1, 500), data=st.data())
def test_wilson_holds_the_proportion(n: int, data: st.DataObject):
    k = data.draw(st.integers(0, n))
    got = wilson(k, n)
    assert 0 <= got.low <= k / n + 1e-12
    assert k / n - 1e-12 <= got.high <= 1
    mirrored = wilson(n - k, n)
    assert mirrored.low == pytest.approx(1 - got.high)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses(successes: int, n: int):
    with pytest.raises(ValueError, match="no proportion"):
        wilson(successes, n)


def test_mcnemar_known():
    assert mcnemar(43, 43) == 1.0
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(1, 9) == pytest.approx(2 * 11 / 1024)
    assert mcnemar(9, 1) == mcnemar(1, 9)
    assert 0 < mcnemar(3000, 0) < 1e-300 or mcnemar(3000, 0) == 0


def test_holm_known():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_bootstrap_is_seeded_and_matches_the_normal_interval():
    random = np.random.default_rng(1)
    first = (random.random(400) < 0.5).astype(float)
    second = (random.random(400) < 0.7).astype(float)
    got = paired_bootstrap(first, second, seed=3)
    assert got == paired_bootstrap(first, second, seed=3)
    delta = second - first
    half = 1.96 * delta.std() / math.sqrt(delta.size)
    assert got.difference == pytest.approx(delta.mean())
    assert got.interval.low == pytest.approx(delta.mean() - half, abs=0.01)
    assert got.interval.high == pytest.approx(delta.mean() + half, abs=0.01)


def test_bootstrap_refuses_unpaired_scores():
    with pytest.raises(ValueError, match="paired scores"):
        paired_bootstrap([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="paired scores"):
        paired_bootstrap([], [])
