"""Fenced code blocks as models write them, which is not always as CommonMark has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_REPLY = 1 << 20
"""Characters of a reply that are looked at."""
_MOST_BLOCKS = 256

# Prose may stand in front of an opening fence; an info string holds no backtick.
_OPEN = re.compile(r"^(?P<before>[^`~]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`~]*)$")
_INLINE = re.compile(r"^\s*```(?P<body>[^`\n]+)```\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the first word after the fence, its text, and whether a closing fence was found."""

    info: str
    text: str
    closed: bool


def answer(text: str) -> str:
    """The reply without reasoning that a server left in it, with plain line ends, at most 1 MiB of it."""
    text = text[:LONGEST_REPLY].replace("\r\n", "\n").replace("\r", "\n")
    return text.rpartition("</think>")[2]


def blocks(text: str) -> tuple[Block, ...]:
    """The fenced blocks of ``answer(text)`` in order, at most 256."""
    found: list[Block] = []
    fence, info, indent, lines = "", "", 0, list[str]()

    def end(closed: bool) -> None:
        found.append(Block(info, "\n".join(lines), closed))

    for line in answer(text).split("\n"):
        if len(found) == _MOST_BLOCKS:
            return tuple(found)
        opened = _OPEN.match(line)
        if not fence:
            if inline := _INLINE.match(line):
                found.append(Block("", inline["body"].strip(), closed=True))
            elif opened:
                fence, info, lines = opened["fence"], _first_word(opened["info"]), []
                indent = len(opened["before"]) if opened["before"].isspace() else 0
        elif line.rstrip().endswith(fence):
            # Code may stand in front of a closing fence, too.
            if kept := line.rstrip().rstrip(fence[0]).rstrip():
                lines.append(_dedented(kept, indent))
            end(closed=True)
            fence = ""
        elif opened and opened["fence"] == fence and opened["info"].strip() and not opened["before"].strip():
            # The model began a new block without closing the last one.
            end(closed=False)
            info, lines = _first_word(opened["info"]), []
        else:
            lines.append(_dedented(line, indent))
    if fence:
        end(closed=False)
    return tuple(found)


def _first_word(info: str) -> str:
    return (info.split() or [""])[0].lower()


def _dedented(line: str, indent: int) -> str:
    """A block inside a list is indented as a whole, by as much as its fence."""
    blank = len(line) - len(line.lstrip(" \t"))
    return line[min(indent, blank) :]
