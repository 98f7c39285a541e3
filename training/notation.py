"""How traces write values: every item of a list and every character of a text after a label of its own.

A small model finds an item by a name where it can't count to its place: the index hints of Zhou et al., arXiv
2310.16028. Rearranging and choosing name the label from which an item comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from training.spelling import LABEL

LABELS: Final = "ABCDEFGHIKLMNOPRSTUXabcdefghijklmnopqrstvwxyz"
"""Letters that are a token with a space before them (``training.tokenizer``)."""
NOTHING: Final = "."
THEN: Final = ";"


class TooLong(ValueError):
    """A value has more items than there are labels."""


def told(value: Any) -> str:
    """A value as traces hold it: numbers and truth values as they are, all else labelled."""
    return str(value) if isinstance(value, int) else labelled(value)


def labelled(items: Sequence[Any]) -> str:
    """Items one after another, each after its label."""
    return "".join(f"{label(i)}{item}" for i, item in enumerate(items)) or NOTHING


def label(index: int) -> str:
    return LABEL + letter(index)


def letter(index: int) -> str:
    if index >= len(LABELS):
        raise TooLong
    return LABELS[index]


def arranged(items: Sequence[Any], order: Sequence[int]) -> str:
    """Each item of the result: its label, the label where it comes from, and itself."""
    return "".join(f"{label(to)}{letter(at)}{items[at]}" for to, at in enumerate(order))


def sifted(items: Sequence[Any], keep: Sequence[bool]) -> str:
    """Every item in turn, after it the label that it gets, or a mark where it is dropped."""
    parts: list[str] = []
    to = 0
    for at, (item, stays) in enumerate(zip(items, keep, strict=True)):
        parts.append(f"{label(at)}{item}{letter(to) if stays else NOTHING}")
        to += stays
    return "".join(parts)


def ranked(items: Sequence[Any], order: Sequence[int]) -> str:
    """As ``arranged``, the item before the label where it comes from: it is the item that decides."""
    return "".join(f"{label(to)}{items[at]}{letter(at)}" for to, at in enumerate(order))
