"""Source text that something between a model and us has spoiled: typographic quotes, HTML, prompts, line numbers.

Nothing is mended that compiles as it is: what looks spoiled may be a string's own text.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise

from atlas.llm.syntax import parsed

_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),  # noqa: RUF001
        **dict.fromkeys(
            "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
        ),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
        **dict.fromkeys("−–‐‑", "-"),  # noqa: RUF001
        **dict.fromkeys("（", "("),  # noqa: RUF001
        **dict.fromkeys("）", ")"),  # noqa: RUF001
        **dict.fromkeys("：", ":"),  # noqa: RUF001
        **dict.fromkeys("，", ","),  # noqa: RUF001
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "×": "*",  # noqa: RUF001
    }
)
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.)(?: |$)")
_NUMBER = re.compile(r"^[ \t]*(?P<number>\d{1,4})(?P<mark>[.:|)│]|[ \t]|$)[ \t]?", re.ASCII)
_HUNK = re.compile(r"^(?:@@|diff |index |---|\+\+\+)")
_ESCAPED = re.compile(r"\\([_*\[\]<>#`])")


def mended(source: str) -> Iterator[str]:
    """``source`` as it is, then with one trouble after another taken out of it; without doubles."""
    seen = {source}
    yield source
    for mend in _MENDS:
        source = mend(source)
        if source not in seen:
            seen.add(source)
            yield source


def _typography(source: str) -> str:
    return source.translate(_TYPOGRAPHY)


def _without_prompts(source: str) -> str:
    """The lines of an interactive session that were typed."""
    lines = source.split("\n")
    if not any(line.lstrip().startswith(">>>") for line in lines):
        return source
    return "\n".join(_PROMPT.sub("", line, count=1) for line in lines if _PROMPT.match(line))


def _without_numbers(source: str) -> str:
    """Lines that all begin with a number, each one more than the last."""
    lines = [line for line in source.split("\n") if line.strip()]
    found = [_NUMBER.match(line) for line in lines]
    numbers = [int(match["number"]) for match in found if match is not None]
    if len(numbers) < max(2, len(lines)) or any(b - a < 1 for a, b in pairwise(numbers)):
        return source
    return "\n".join(_NUMBER.sub("", line, count=1) for line in lines)


def _without_marks(source: str) -> str:
    """A diff's new side; or a quotation's text."""
    lines = source.split("\n")
    filled = [line for line in lines if line.strip()]
    if filled and all(line.startswith(">") for line in filled):
        return "\n".join(re.sub(r"^> ?", "", line) for line in lines)
    if not any(line.startswith("+") for line in filled) or not all(line[0] in "+- @d\\i" for line in filled):
        return source
    kept = (line for line in lines if not line.startswith("-") and not _HUNK.match(line))
    return "\n".join(line[1:] for line in kept)


def _plain_tabs(source: str) -> str:
    """Tabs as four spaces, or as eight where only that is Python: mixed indentation meant one or the other."""
    narrow = source.expandtabs(4)
    return narrow if parsed(narrow) is not None else source.expandtabs(8)


def _unescaped(source: str) -> str:
    return _ESCAPED.sub(r"\1", source)


def _without_entities(source: str) -> str:
    try:
        return html.unescape(source)
    except ValueError:  # a character's number with more digits than Python takes
        return source


_MENDS: tuple[Callable[[str], str], ...] = (
    textwrap.dedent,
    _without_prompts,
    _without_numbers,
    _without_marks,
    _typography,
    _without_entities,
    _plain_tabs,
    textwrap.dedent,
    _unescaped,
)
