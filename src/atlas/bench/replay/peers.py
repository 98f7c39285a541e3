"""The selectors that ours is compared with, each from its paper. A selector gives every candidate a score.

It is told the outcomes of a draw and nothing else; the candidates with the highest score share the choice, by how often
each was drawn. So every selector is a function of ``Outcomes``, which has no field for a label.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from atlas.search.evidence import Array, Outcomes, posterior

Selector: TypeAlias = Callable[[Outcomes], Array]
"""From outcomes of k candidates to (k,) scores; the highest is chosen."""


def random(seen: Outcomes) -> Array:
    """Any drawn completion: pass@1."""
    return np.zeros(len(seen.multiplicity))


def majority(seen: Outcomes) -> Array:
    """The most frequent row of outputs (as self-consistency, Wang et al. 2022, arXiv 2203.11171, over behaviour)."""
    if not seen.outputs.shape[1]:
        return random(seen)
    return _alike(seen.outputs, seen.multiplicity) * (seen.outputs >= 0).any(axis=1)


def most_tests(seen: Outcomes) -> Array:
    """How many distinct self-tests a candidate passes."""
    return (seen.tests == 1).sum(axis=1).astype(np.float64)


def mbr(seen: Outcomes) -> Array:
    """MBR-exec, softly (Shi et al. 2022, arXiv 2204.11454): the expected share of inputs with the same output."""
    valid = seen.outputs >= 0
    if not seen.outputs.shape[1]:
        return random(seen)
    same = np.zeros((len(valid), len(valid)))
    for outputs, counts in zip(seen.outputs.T, valid.T, strict=True):  # all at once is a table of k x k x inputs
        same += (outputs[:, None] == outputs) & counts[:, None]
    return same / seen.outputs.shape[1] @ seen.multiplicity


def codet(seen: Outcomes) -> Array:
    """CodeT's dual agreement (Chen et al. 2022, arXiv 2207.10397).

    Candidates that pass the same tests are a consensus set: the root of their number times the number of these tests.
    """
    return np.sqrt(_alike(seen.tests == 1, seen.multiplicity)) * most_tests(seen)


def filtered_codet(seen: Outcomes) -> Array:
    """CodeT among the candidates that fail none of the statement's examples, or among all where each fails one."""
    passes = (seen.examples != 0).all(axis=1)
    return codet(seen) + passes * (1 + seen.multiplicity.sum()) * (1 + seen.tests.shape[1])


def ours(seen: Outcomes) -> Array:
    """The evidence of the search itself; of exact ties the search takes the earlier, which is as good as any."""
    return posterior(seen).score


SELECTORS: dict[str, Selector] = {
    "random": random,
    "majority": majority,
    "most-tests": most_tests,
    "mbr": mbr,
    "codet": codet,
    "filtered-codet": filtered_codet,
    "ours": ours,
}


def _alike(rows: Array, weights: Array) -> Array:
    """(k,) summed weights of the candidates with the same row."""
    if not rows.shape[1]:
        return np.full(len(rows), weights.sum())
    _, groups = np.unique(rows, axis=0, return_inverse=True)
    return np.bincount(groups.ravel(), weights=weights)[groups.ravel()]
