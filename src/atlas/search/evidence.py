"""From outcomes to P(correct): the only place where candidates are ranked. Arrays in, probabilities out.

What counts, in this order:

* The statement's examples, near-decisive: P(right | passes all) was measured as 0.91, P(right | fails one) as
  0.09 (588 LiveCodeBench tasks with two strong models' programs).
* Soft agreement of outputs over inputs, as in MBR-exec (Shi et al. 2022, arXiv 2204.11454), each candidate
  weighted by how often it was drawn:
  ``A_u = (1/k) sum_v n_v mean_x [o_u(x) = o_v(x), neither exception nor None]``.
* Self-tests passed, as in CodeT (Chen et al. 2022, arXiv 2207.10397), with a weight that is inferred for each
  problem: counting tests wins where most are right and loses where most are wrong, so it grows with how far the
  candidates themselves agree with the expectations.

``score = ln(A + 0.02) + beta T - 1.4 (share of inputs without output) - 1.3 (constant while others vary)
- 1.3 (does not load) - 0.7 (derived)``, minus ``FAILED_EXAMPLE`` where an example fails (and up to 1 more by how
many do). Derived is what was only ever made from another candidate: it has nearly all of that one's agreement
without having earned it, and was shown what to pass. An example that it alone passes outweighs that by far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

NONE, EXCEPTION, LIMIT, UNKNOWN = -1, -2, -3, -4
"""Output codes below zero: returned None, raised or crashed, hit a limit, not observed."""

FAILED_EXAMPLE = 4.6
"""ln 100: with ``NONE_RIGHT_EXAMPLES`` it puts a candidate that fails an example at 0.09."""
NONE_RIGHT_EXAMPLES = 0.1
"""Mass of "no candidate is right" beside a cluster's exp(score) (1 for full agreement), with examples ..."""
NONE_RIGHT = 0.3
"""... and without. With the votes below a confidence of 0.75 was right 94 to 97 times in 100 on pools of gpt-3.5."""
_AGAINST_EXAMPLES, _AGAINST = 1.0, 3.0
"""Votes against everybody that the confidence counts, with examples and without: a candidate agrees with itself."""
_BETA = 2.5
_DERIVED = 0.7
_PRIOR_TESTS, _PRIOR_RELIABILITY = 2.0, 0.3


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was observed of k candidates on e examples, x inputs and t self-tests.

    ``examples`` (k, e) and ``tests`` (k, t): 1 passed, 0 failed, below 0 not observed. ``outputs`` (k, x):
    a number for each class of equal outputs (the same over all inputs), or a code below zero.
    ``test_weights`` (t,): the share of votes; ``test_inputs`` (t,): the index of the input that is tested.
    ``multiplicity`` (k,): how often a candidate was drawn, a derived one counting less.
    ``derived`` (k,) bool: never drawn independently. ``loads`` (k,) bool.
    """

    examples: Array
    outputs: Array
    tests: Array
    test_weights: Array
    test_inputs: Array
    multiplicity: Array
    derived: Array
    loads: Array


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the outcomes say. Arrays are (k,) unless said otherwise.

    ``probability`` is that of the candidate's whole cluster (candidates that behave the same are right or
    wrong together); over clusters it sums to ``1 - none_right``. ``order`` lists candidates best first.
    ``reliability`` estimates the share of self-tests that are right. ``informative`` (x,) bool: the inputs
    that count; those on which most candidates that work elsewhere raise are taken to be outside the domain.
    """

    probability: Array
    score: Array
    cluster: Array
    agreement: Array
    test_share: Array
    passes_examples: Array
    order: Array
    informative: Array
    reliability: float
    none_right: float

    @property
    def best(self) -> int | None:
        """Index of the winner; None without candidates."""
        return int(self.order[0]) if len(self.order) else None


def posterior(seen: Outcomes) -> Posterior:
    """Weigh the outcomes. Pure; the order of candidates matters for exact ties only (the earlier wins)."""
    failed = (seen.examples == 0).any(axis=1)
    # Who fails an example is probably wrong everywhere, but its outputs still say a little.
    votes = seen.multiplicity * np.where(failed, 0.1, 1.0) * np.where(seen.loads, 1.0, 0.1)
    informative = _informative(seen.outputs, votes)
    outputs = seen.outputs[:, informative]
    agreement = _agreement(outputs, votes)
    reliability = _reliability(seen, votes)
    test_share = _test_share(seen)
    support = agreement / max(float(votes.sum()), 1e-9)
    score = (
        np.log(support + 0.02)
        + _BETA * reliability * test_share
        - 1.4 * _share((outputs == EXCEPTION) | (outputs == LIMIT), outputs != UNKNOWN)
        - 1.3 * _suspiciously_constant(outputs, votes)
        - 1.3 * ~seen.loads
        - _DERIVED * seen.derived
        - FAILED_EXAMPLE * failed
        - _share(seen.examples == 0, seen.examples >= 0)
    )
    cluster = _clusters(seen)
    has_examples = bool(seen.examples.shape[1])
    drawn = max(float(seen.multiplicity.sum()), 1e-9)
    cautious = score + np.log(drawn / (drawn + (_AGAINST_EXAMPLES if has_examples else _AGAINST)))
    probability, none_right = _probability(cautious, cluster, has_examples=has_examples)
    return Posterior(
        probability=probability,
        score=score,
        cluster=cluster,
        agreement=support,
        test_share=test_share,
        passes_examples=~failed & (seen.examples != UNKNOWN).all(axis=1),
        order=_order(score, cluster, seen.multiplicity),
        informative=informative,
        reliability=reliability,
        none_right=none_right,
    )


def _informative(outputs: Array, votes: Array) -> Array:
    """(x,) bool. Inputs on which at most half of the candidates that work somewhere fail to answer."""
    weight = votes * (outputs >= 0).any(axis=1)
    broken: Array = ((outputs == EXCEPTION) | (outputs == LIMIT)) * weight[:, None]
    inside: Array = broken.sum(axis=0) <= 0.5 * weight.sum()
    # An input may be odd, but not all of them: then it is the candidates.
    return inside | ~inside.any()


def _agreement(outputs: Array, votes: Array) -> Array:
    """(k,) ``sum_v n_v mean_x [same output]``; without any input a candidate agrees with itself alone."""
    if not outputs.shape[1]:
        return votes.astype(np.float64)
    valid = outputs >= 0
    same = (outputs[:, None, :] == outputs[None, :, :]) & valid[:, None, :]
    observed = np.maximum((outputs != UNKNOWN).sum(axis=1), 1)
    return (same.sum(axis=2) / observed[:, None]) @ votes


def _reliability(seen: Outcomes, votes: Array) -> float:
    """Estimated share of right self-tests: how far the candidates agree with each, shrunk to a prior.

    What counts is the weight behind an expectation beside that behind the most common output there. A test where
    the candidates are split would otherwise look bad for being asked where it is needed.
    """
    if not seen.tests.size:
        return _PRIOR_RELIABILITY
    behind = votes @ (seen.tests == 1)
    most = np.array([_most_common(seen.outputs[:, x], votes) for x in seen.test_inputs])
    supported = np.minimum(np.divide(behind, most, out=np.zeros_like(most), where=most > 0), 1.0)
    weights = seen.test_weights
    prior = _PRIOR_TESTS * _PRIOR_RELIABILITY
    return float((weights @ supported + prior) / (weights.sum() + _PRIOR_TESTS))


def _most_common(outputs: Array, votes: Array) -> float:
    """Weight of the most common output on one input; 0 where nobody answers."""
    answered = outputs >= 0
    return float(np.bincount(outputs[answered], weights=votes[answered]).max()) if answered.any() else 0.0


def _test_share(seen: Outcomes) -> Array:
    """(k,) weighted share of the observed self-tests that a candidate passes."""
    known = (seen.tests >= 0) * seen.test_weights
    total = known.sum(axis=1)
    passed = ((seen.tests == 1) * seen.test_weights).sum(axis=1)
    return np.divide(passed, total, out=np.zeros(len(total)), where=total > 0)


def _share(flags: Array, among: Array) -> Array:
    return (flags & among).sum(axis=1) / np.maximum(among.sum(axis=1), 1)


def _suspiciously_constant(outputs: Array, votes: Array) -> Array:
    """(k,) bool: one and the same output for three inputs and more, while most of the votes vary theirs."""
    if outputs.shape[1] < 3:
        return np.zeros(len(outputs), dtype=bool)
    answered = outputs >= 0
    first = outputs.max(axis=1, keepdims=True)
    constant = ((outputs == first) | ~answered).all(axis=1) & (answered.sum(axis=1) >= 3)
    varying = votes @ (~constant & answered.any(axis=1))
    return constant & (varying > 0.5 * votes.sum())


def _clusters(seen: Outcomes) -> Array:
    """(k,) label: the same for candidates with the same outcomes everywhere; unobserved ones stand alone."""
    observed = (seen.outputs != UNKNOWN).any(axis=1)
    labels: dict[bytes, int] = {}
    rows = np.concatenate([seen.outputs, seen.examples], axis=1).astype(np.int64)
    names = [rows[u].tobytes() if observed[u] else b"%d" % u for u in range(len(rows))]
    return np.array([labels.setdefault(name, len(labels)) for name in names], dtype=np.int64)


def _probability(score: Array, cluster: Array, *, has_examples: bool) -> tuple[Array, float]:
    """Softmax over clusters (a cluster counts as its best member), with a mass kept for "none is right"."""
    if not len(score):
        return np.zeros(0), 1.0
    best = np.full(int(cluster.max()) + 1, -np.inf)
    np.maximum.at(best, cluster, score)
    mass = np.exp(best)
    none = NONE_RIGHT_EXAMPLES if has_examples else NONE_RIGHT
    total = float(mass.sum()) + none
    return (mass / total)[cluster], none / total


def _order(score: Array, cluster: Array, multiplicity: Array) -> Array:
    """Best first: by the cluster's score, then the candidate's own, then how often drawn, then the earlier."""
    if not len(score):
        return np.zeros(0, dtype=np.int64)
    best = np.full(int(cluster.max()) + 1, -np.inf)
    np.maximum.at(best, cluster, score)
    ties = np.round(np.stack([best[cluster], score]), 9)
    return np.lexsort((np.arange(len(score)), -multiplicity, -ties[1], -ties[0]))
