"""Does a confidence mean what it says? Log-loss, a calibration error without the bias of small bins, a diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atlas.search.evidence import Array

_LEAST = 0.001
"""Confidences are cut to [0.001, 0.999], so that one mistake can't cost without end."""


@dataclass(frozen=True, slots=True)
class Claims:
    """n answers: ``confidence`` (n,), ``right`` (n,) in [0, 1], ``weight`` (n,), and whose ``problem`` (n,) each is."""

    confidence: Array
    right: Array
    weight: Array
    problem: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: means, and how much of all weight they have."""

    confidence: float
    right: float
    share: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the confidence of some answers can be believed; see the functions of these names."""

    log_loss: float
    log_loss_base_rate: float
    error: float
    bins: tuple[Bin, ...]


def calibration(claims: Claims) -> Calibration:
    """Everything that a report says of the confidence."""
    loss, blind = log_loss(claims), log_loss(claims, base_rate(claims))
    return Calibration(loss, blind, calibration_error(claims), diagram(claims))


def joined(claims: Sequence[Claims]) -> Claims:
    """All answers as one."""
    fields = ("confidence", "right", "weight", "problem")
    return Claims(*(np.concatenate([getattr(c, name) for c in claims]) for name in fields))


def log_loss(claims: Claims, confidence: Array | float | None = None) -> float:
    """Mean of -ln of the probability given to what was the case; of ``confidence`` instead of the claims' own."""
    p = np.clip(claims.confidence if confidence is None else confidence, _LEAST, 1 - _LEAST)
    losses = -(claims.right * np.log(p) + (1 - claims.right) * np.log(1 - p))
    return float(np.average(losses, weights=claims.weight))


def base_rate(claims: Claims) -> float:
    """The share of right answers: what one would say of each without looking at it."""
    return float(np.average(claims.right, weights=claims.weight))


def diagram(claims: Claims, bins: int = 10) -> tuple[Bin, ...]:
    """Means in bins of equal width; empty ones are left out."""
    place = _places(claims, bins)
    found: list[Bin] = []
    for b in range(bins):
        inside = place == b
        weight = claims.weight * inside
        if (total := float(weight.sum())) > 0:
            confidence, right = float(weight @ claims.confidence) / total, float(weight @ claims.right) / total
            found.append(Bin(confidence, right, total / float(claims.weight.sum())))
    return tuple(found)


def calibration_error(claims: Claims, bins: int = 10) -> float:
    """Root of the mean squared gap between confidence and truth over bins, without the bias that chance adds.

    The square of a bin's gap is estimated from products of answers to *different* problems (Kumar et al. 2019, arXiv
    1909.10155, section 4, clustered: answers to one problem go wrong together). 0 where the estimate is negative.
    """
    place = _places(claims, bins)
    _, whose = np.unique(claims.problem, return_inverse=True)
    gaps = claims.weight * (claims.confidence - claims.right)
    squared = 0.0
    for b in range(bins):
        inside = place == b
        gap = np.bincount(whose[inside], weights=gaps[inside])
        weight = np.bincount(whose[inside], weights=claims.weight[inside])
        pairs = weight.sum() ** 2 - (weight**2).sum()
        if pairs > 0:
            squared += float(weight.sum() * (gap.sum() ** 2 - (gap**2).sum()) / pairs)
    return float(np.sqrt(max(squared / float(claims.weight.sum()), 0.0)))


def drawn_as_text(bins: Sequence[Bin], width: int = 40) -> str:
    """The reliability diagram in letters: ``o`` is how often it was right, ``|`` how often it said so."""
    lines = ["confidence  right  share"]
    for bin in bins:
        row = [" "] * (width + 1)
        row[round(width * bin.confidence)] = "|"
        row[round(width * bin.right)] = "o"
        lines.append(f"{bin.confidence:10.2f}  {bin.right:5.2f}  {bin.share:5.2f}  {''.join(row).rstrip()}")
    return "\n".join(lines)


def _places(claims: Claims, bins: int) -> Array:
    return np.minimum((claims.confidence * bins).astype(np.int64), bins - 1)
