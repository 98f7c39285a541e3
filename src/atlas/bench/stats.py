"""The statistics of the report: pure functions over counts and arrays.

Everything here is about *problems*: they are what was sampled from the world that a claim is about, so
intervals and tests resample or count problems, never tokens or candidates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean paired difference (second minus first) with its interval."""

    difference: float
    interval: Interval


def wilson(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """Score interval for a proportion (Wilson, JASA 22, 1927, 209-212).

    ``successes`` may be fractional: a mean over seeds times ``n`` problems, which errs on the wide side.

    Raises:
        ValueError: ``n`` is not positive or ``successes`` is outside [0, n].
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"no proportion: {successes} of {n}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Interval(max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    *,
    seed: int = 0,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> Paired:
    """Percentile bootstrap of mean(second - first) over problems (Efron and Tibshirani 1993, chapter 13).

    ``first`` and ``second`` have shape (problems,), one score a problem (a mean over its seeds), same order.

    Raises:
        ValueError: shapes differ or there is no problem.
    """
    import numpy as np  # noqa: PLC0415 - the CLI's start-up would pay for it

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise ValueError(f"paired scores need one shape (problems,), got {a.shape} and {b.shape}")
    delta = b - a
    random = np.random.default_rng(seed)
    # In blocks, so that memory stays small for thousands of problems.
    means = np.empty(resamples)
    block = max(1, 4_000_000 // delta.size)
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        picks = random.integers(0, delta.size, size=(count, delta.size))
        means[start : start + count] = delta[picks].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Paired(float(delta.mean()), Interval(float(low), float(high)))


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact p of McNemar's test (Psychometrika 12, 1947): the discordant pairs are a fair coin.

    ``gained`` problems only the second arm solved, ``lost`` only the first.

    Raises:
        ValueError: a count is negative.
    """
    if gained < 0 or lost < 0:
        raise ValueError(f"negative counts: {gained}, {lost}")
    n = gained + lost
    tail = sum(math.comb(n, i) for i in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**n)


def pass_at_k(n: int, right: int, k: int) -> float:
    """Unbiased estimate of P(any of ``k`` draws is right) from ``right`` of ``n`` (Chen et al. 2021, arXiv 2107.03374).

    Raises:
        ValueError: fewer than ``k`` were drawn, which leaves it undefined, or the counts are no counts.
    """
    if not 1 <= k <= n or not 0 <= right <= n:
        raise ValueError(f"pass@{k} is not defined for {right} right of {n}")
    return 1 - math.comb(n - right, k) / math.comb(n, k)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not exceed (nearest rank): one that was measured.

    Raises:
        ValueError: there is no value, or ``share`` is outside (0, 1].
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"no percentile {share} of {len(values)} values")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for testing several arms (Holm, Scand. J. Statist. 6, 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return tuple(adjusted)
