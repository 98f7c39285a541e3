"""Bulleted and numbered lists as models write them. Pure, and bounded."""

from __future__ import annotations

import re

from atlas.llm.fences import answer

_MOST_ITEMS = 64
_LONGEST_ITEM = 2000
_MOST_LINES = 4096

_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})")
_ITEM = re.compile(r"^(?P<indent>[ \t]*)(?:[-*•‣◦–—]|\(?\d{1,3}[.):])(?:[ \t]+|(?=\*\*))(?P<text>\S.*)$")  # noqa: RUF001
_RULE = re.compile(r"^\s*(?:[-*_]\s*){3,}$")
_HEADING = re.compile(r"^\s*#{1,6}\s")
_BOLD = re.compile(r"(?<!\w)(\*\*|__)(?=\S)(.{1,400}?)(?<=\S)\1(?!\w)")


def extract_list(text: str) -> tuple[str, ...]:
    """The items of the reply's bulleted or numbered lists in order, without doubles; () where there is no list.

    A line that follows an item without a blank line between continues it, and so does what is indented below it, a
    nested list included. Fences and bold markers are dropped. At most 64 items of at most 2000 characters.
    """
    items: list[list[str]] = []
    outermost, open_item, blank = 0, False, False
    for line in answer(text).split("\n")[:_MOST_LINES]:
        if not line.strip():
            blank = True
            continue
        found = None if _RULE.match(line) else _ITEM.match(line)
        if found and (not open_item or len(found["indent"]) <= outermost):
            if len(items) == _MOST_ITEMS:
                break
            items.append([found["text"]])
            outermost, open_item = len(found["indent"]), True
        elif _FENCE.match(line) or _RULE.match(line) or _HEADING.match(line) or (blank and not line[0].isspace()):
            open_item = False
        elif open_item:
            items[-1].append(found["text"] if found else line.strip())
        blank = False
    joined = (_BOLD.sub(r"\2", " ".join(lines)[:_LONGEST_ITEM]).strip() for lines in items)
    return tuple(dict.fromkeys(item for item in joined if item))
