"""Small seeded changes of a program's standard input that keep its format. Pure.

Counts are kept true where they are recognised: how many rows follow the first line (or groups of rows, each a test
case), how many tokens the next line holds, how long the next line's word is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from atlas.search.moves.edges import edge
from atlas.search.moves.values import mutated

_INT = re.compile(r"-?\d{1,18}\Z")
_FLOAT = re.compile(r"-?\d{1,15}\.\d{1,15}\Z")
_MOST_LINES = 60

Place: TypeAlias = tuple[int, int]
"""Line and token."""


@dataclass(frozen=True, slots=True)
class Format:
    """What a text shows of its format.

    ``rows`` is the token of the first line that counts the groups of ``height`` lines that follow, or None.
    ``columns`` are the counts of tokens, ``lengths`` those of characters in the next line. ``width`` is a token of
    the first line that all rows are as wide as; it never changes.
    """

    rows: int | None
    height: int
    width: int | None
    columns: tuple[Place, ...]
    lengths: tuple[Place, ...]

    @property
    def counts(self) -> frozenset[Place]:
        """The tokens that count something."""
        firsts = {(0, token) for token in (self.rows, self.width) if token is not None}
        return frozenset({*firsts, *self.columns, *self.lengths})


def format_of(text: str) -> Format:
    """The format that ``text`` shows."""
    lines = _lines(text)
    rows, height = _rows(lines)
    wide = None if rows is None or height > 1 else _width(lines, rows)
    # Where every line is a row, a number in one says nothing about the next.
    if rows is not None and height == 1:
        return Format(rows, height, wide, (), ())
    return Format(rows, height, None, *_counts(lines))


def neighbour(text: str, rng: random.Random, *, negatives: bool) -> str:
    """A text one to three steps from ``text``: tokens changed, more, fewer or all equal; rows likewise.

    Numbers go below zero only with ``negatives``: programs that read text seldom expect a sign nobody told them of.
    """
    format, lines = format_of(text), _lines(text)
    rows_too = format.rows is not None and rng.random() < 0.4
    for _ in range(rng.choice([1, 1, 2, 3]) - rows_too):
        lines = _changed(lines, format, rng, negatives=negatives)
    # Rows come last: they move the lines that the format speaks of.
    return "\n".join(_rows_changed(lines, format, rng) if rows_too else lines) + "\n"


def counted(text: str) -> str:
    """``text`` with a first line that says truly how many lines, or how many tokens of the only line, follow."""
    lines = _lines(text)
    rest = lines[1:] if len(lines) > 1 and _number(lines[0].strip()) is not None else lines
    return "\n".join([str(len(rest) if len(rest) > 1 else len(rest[0].split())), *rest]) + "\n"


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").split("\n")


def _number(token: str) -> int | None:
    """The count that a token may be, or None."""
    return int(token) if token.isascii() and token.isdecimal() and len(token) < 7 else None


def _rows(lines: Sequence[str]) -> tuple[int | None, int]:
    """The first line's token that counts what follows, and how many lines each of those takes."""
    counts = [_number(token) for token in lines[0].split()]
    rest = len(lines) - 1
    for token, count in enumerate(counts):
        if count and count == rest:
            return token, 1
    # Test cases of several lines: only a number that stands alone says so.
    if len(counts) == 1 and counts[0] and 1 < counts[0] < rest and rest % counts[0] == 0:
        return 0, rest // counts[0]
    return None, 1


def _width(lines: Sequence[str], rows: int) -> int | None:
    """The other token of the first line that says how many tokens, or characters, each row has."""
    widths = {len(line.split()) for line in lines[1:]}
    if widths == {1}:
        widths = {len(line.strip()) for line in lines[1:]} - {1}
    for token, text in enumerate(lines[0].split()):
        if token != rows and _number(text) is not None and widths == {_number(text)}:
            return token
    return None


def _counts(lines: Sequence[str]) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Tokens that say how many tokens the next line has, and how many characters its only word has.

    A 1 says nothing: it may be anything. A line that is counted counts no other, so that it may change.
    """
    columns: list[Place] = []
    lengths: list[Place] = []
    counted = -1
    for i in range(len(lines) - 1):
        words = lines[i + 1].split()
        many = len(words) > 1
        size = len(words) if many else len(words[0]) if words and not _INT.match(words[0]) else 0
        places = [t for t, token in enumerate(lines[i].split()) if size > 1 and _number(token) == size]
        if places and i != counted:
            (columns if many else lengths).append((i, places[0]))
            counted = i + 1
    return tuple(columns), tuple(lengths)


def _changed(lines: list[str], format: Format, rng: random.Random, *, negatives: bool) -> list[str]:
    """One step that leaves the number of lines."""
    if format.columns and rng.random() < 0.6:
        return _tokens_changed(lines, rng.choice(format.columns), rng, negatives=negatives)
    if format.lengths and rng.random() < 0.6:
        return _word_changed(lines, rng.choice(format.lengths), rng)
    return _token_mutated(lines, format, rng, negatives=negatives)


def _rows_changed(lines: list[str], format: Format, rng: random.Random) -> list[str]:
    assert format.rows is not None
    rest, height = lines[1:], format.height
    groups = [rest[i : i + height] for i in range(0, len(rest), height)]
    chosen = rng.choice(groups)
    some = [group for group in groups if rng.random() < 0.7] or [chosen]
    edits = [
        some,
        [*groups, chosen],
        rng.sample(groups, len(groups)),
        [chosen],
        [chosen] * len(groups),
        groups * 2,
    ]
    groups = rng.choice([edit for edit in edits if len(edit) * height <= _MOST_LINES] or [groups])
    return [_with_token(lines[0], format.rows, str(len(groups))), *(line for group in groups for line in group)]


def _tokens_changed(lines: list[str], count: Place, rng: random.Random, *, negatives: bool) -> list[str]:
    line, token = count
    tokens = lines[line + 1].split()
    chosen = rng.choice(tokens)
    place = rng.randrange(len(tokens))
    edits = [
        [*tokens[:place], *tokens[place + 1 :]] or tokens,
        [*tokens, _mutated(chosen, rng, negatives=negatives)],
        [*tokens, chosen],
        rng.sample(tokens, len(tokens)),
        tokens[::-1],
        [chosen],
        [chosen] * len(tokens),
        (tokens * 2)[: max(_MOST_LINES, len(tokens))],
    ]
    tokens = rng.choice(edits)
    counted = _with_token(lines[line], token, str(len(tokens)))
    return [*lines[:line], counted, " ".join(tokens), *lines[line + 2 :]]


def _word_changed(lines: list[str], count: Place, rng: random.Random) -> list[str]:
    line, token = count
    word = lines[line + 1].strip()
    changed = rng.choice([_text_mutated(word, rng), word[:1], word[:1] * len(word), (word * 2)[: 4 * _MOST_LINES]])
    counted = _with_token(lines[line], token, str(len(changed)))
    return [*lines[:line], counted, changed, *lines[line + 2 :]]


def _token_mutated(lines: list[str], format: Format, rng: random.Random, *, negatives: bool) -> list[str]:
    """One token that is no count, and that no count of characters is about."""
    fixed = {*format.counts, *((line + 1, 0) for line, _ in format.lengths)}
    places = [(i, t) for i, line in enumerate(lines) for t in range(len(line.split())) if (i, t) not in fixed]
    if not places:
        return lines
    line, token = rng.choice(places)
    words = lines[line].split()
    old = words[token]
    if format.width is not None and line > 0 and len(words) == 1:
        new = (_text_mutated(old, rng) * len(old))[: len(old)]  # a row of characters stays as wide as it is
    else:
        new = _edge(old, rng, negatives=negatives) if rng.random() < 0.2 else _mutated(old, rng, negatives=negatives)
    return [*lines[:line], _with_token(lines[line], token, new), *lines[line + 1 :]]


def _with_token(line: str, token: int, new: str) -> str:
    """``line`` with one token replaced and its spaces as they are."""
    start, end = [match.span() for match in re.finditer(r"\S+", line)][token]
    return line[:start] + new + line[end:]


def _edge(token: str, rng: random.Random, *, negatives: bool) -> str:
    return str(edge(int(token), rng, negatives=negatives)) if _INT.match(token) else token[:1]


def _mutated(token: str, rng: random.Random, *, negatives: bool) -> str:
    if _INT.match(token):
        number = mutated(int(token), rng)
        return str(number if negatives else abs(number))
    if _FLOAT.match(token):
        number = mutated(float(token), rng)
        return f"{number if negatives else abs(number):.{len(token.split('.')[1])}f}"
    return _text_mutated(token, rng)


def _text_mutated(token: str, rng: random.Random) -> str:
    # A token never becomes empty or two: the format would change.
    return str(mutated(token, rng)).replace(" ", "") or token
