"""Marks in a sample's text that say how it is cut into tokens, and which of them are learned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

LABEL: Final = "\x03"
"""Stands before a label (``training.notation``): the two together are one token, a space and a letter."""
_OPEN, _CLOSE = "\x01", "\x02"
_GIVEN, _END = "\x04", "\x05"
_MARKS = re.compile("[\x01\x02\x04\x05]")


def spelled(text: str) -> str:
    """Marks ``text`` as written character by character: steps over letters are learned on letters."""
    return f"{_OPEN}{text}{_CLOSE}"


def given(text: str) -> str:
    """Marks ``text`` in a reply as given: it is read, and how to write it is not learned. May hold spelled text."""
    return f"{_GIVEN}{text}{_END}" if text else ""


def visible(text: str) -> str:
    """``text`` without marks, as it is read."""
    return _MARKS.sub("", text).replace(LABEL, " ")


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a marked text in order, and whether each is learned."""
    for number, piece in enumerate(re.split(f"[{_GIVEN}{_END}]", text)):
        yield piece, number % 2 == 0


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a piece in order, and whether each is spelled."""
    for number, part in enumerate(re.split(f"[{_OPEN}{_CLOSE}]", text)):
        yield part, number % 2 == 1


def units(part: str) -> list[str]:
    """The tokens of a spelled part: a character each, or a space and a letter."""
    return [unit.replace(LABEL, " ") for unit in re.findall(f"{LABEL}?.", part, re.DOTALL)]
