"""The fenced blocks of a page: its commands, and its files with the names that the text gives them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w./-]+\.(?:toml|py))`")
_SHELLS = {"sh", "bash", "shell", "console"}


@dataclass(frozen=True)
class Block:
    """``file`` is the name that was last mentioned in the text above; commands have none."""

    language: str
    text: str
    file: str


def blocks(page: str) -> Iterator[Block]:
    """All blocks, in order."""
    end = 0
    for found in _FENCE.finditer(page):
        named = _FILE.findall(page[end : found.start()])
        end = found.end()
        shell = found[1] in _SHELLS
        yield Block(found[1], found[2], named[-1] if named and not shell else "")


def commands(page: str) -> list[list[str]]:
    """The commands of all shell blocks, as lists of words, without comments."""
    return [words for block in blocks(page) if block.language in _SHELLS for words in commands_of(block.text)]


def commands_of(text: str) -> list[list[str]]:
    """The commands of one shell block."""
    found: list[list[str]] = []
    pending = ""
    for line in text.splitlines():
        pending += line + "\n"
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a quotation goes on in the next line
            continue
        found += [words] if words else []
        pending = ""
    assert not pending, f"a quotation without an end: {pending}"
    return found


def subcommand(words: list[str]) -> tuple[str, ...]:
    """``solve``, or ``bench run`` as two words."""
    return tuple(words[1:3]) if words[1] in {"bench", "cost", "strategies"} else (words[1],)
