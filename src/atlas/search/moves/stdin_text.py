"""Small seeded changes of an example's standard input that keep its format. Pure.

Counts are kept true where one is recognised: a first line whose only number says how many lines follow, or a
number alone on a line that says how many tokens the next line holds.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from atlas.search.moves.values import mutated

_INT = re.compile(r"-?\d{1,18}\Z")
_FLOAT = re.compile(r"-?\d{1,15}\.\d{1,15}\Z")
_MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class Format:
    """What an example's text shows of its format.

    ``rows``: the first line says how many lines follow. ``columns``: the lines that say how many tokens the next
    one holds; none are looked for where rows are counted.
    """

    rows: bool
    columns: tuple[int, ...]


def format_of(text: str) -> Format:
    """The format that ``text`` shows."""
    lines = _lines(text)
    rows = _counts_rows(lines)
    return Format(rows, () if rows else _counts_tokens(lines))


def mutated_text(text: str, format: Format, rng: random.Random) -> str:
    """A neighbour of ``text``: a token changed, or a line or a token more or less with its count."""
    lines = _lines(text)
    kind = rng.randrange(5)
    if kind <= 1 and format.rows:
        lines = _rows_changed(lines, rng)
    elif kind <= 1 and format.columns:
        lines = _tokens_changed(lines, rng.choice(format.columns), rng)
    elif kind == 2 and format.columns:
        line = rng.choice(format.columns) + 1
        tokens = lines[line].split()
        lines[line] = " ".join(rng.sample(tokens, len(tokens)))
    else:
        lines = _token_mutated(lines, {*format.columns, *([0] if format.rows else [])}, rng)
    return "\n".join(lines) + "\n"


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").split("\n")


def _number(line: str) -> int | None:
    """The count that a line consists of, or None."""
    line = line.strip()
    return int(line) if line.isascii() and line.isdecimal() and len(line) < 7 else None


def _counts_rows(lines: Sequence[str]) -> bool:
    """Whether the first line says how many lines follow."""
    count = _number(lines[0])
    return count is not None and count > 0 and count == len(lines) - 1


def _counts_tokens(lines: Sequence[str]) -> tuple[int, ...]:
    """Lines that say how many tokens the next one holds (one token says nothing: it may be a row count)."""
    found: list[int] = []
    for i in range(len(lines) - 1):
        count = _number(lines[i])
        if count is not None and count > 1 and count == len(lines[i + 1].split()):
            found.append(i)
    return tuple(found)


def _rows_changed(lines: list[str], rng: random.Random) -> list[str]:
    rest = lines[1:]
    place = rng.randrange(len(rest))
    if rng.random() < 0.5 and len(rest) > 1:
        del rest[place]
    elif len(rest) < _MOST_LINES:
        rest.insert(place, rng.choice(rest))
    return [str(len(rest)), *rest]


def _tokens_changed(lines: list[str], line: int, rng: random.Random) -> list[str]:
    tokens = lines[line + 1].split()
    if rng.random() < 0.5 and len(tokens) > 1:
        del tokens[rng.randrange(len(tokens))]
    elif len(tokens) < _MOST_LINES:
        tokens.append(_changed(rng.choice(tokens), rng))
    return [*lines[:line], str(len(tokens)), " ".join(tokens), *lines[line + 2 :]]


def _token_mutated(lines: list[str], fixed: set[int], rng: random.Random) -> list[str]:
    """One token of one line that is no count."""
    places = [
        (i, match.span()) for i, line in enumerate(lines) if i not in fixed for match in re.finditer(r"\S+", line)
    ]
    if not places:
        return lines
    i, (start, end) = rng.choice(places)
    changed = lines[i][:start] + _changed(lines[i][start:end], rng) + lines[i][end:]
    return [*lines[:i], changed, *lines[i + 1 :]]


def _changed(token: str, rng: random.Random) -> str:
    if _INT.match(token):
        return str(mutated(int(token), rng))
    if _FLOAT.match(token):
        return f"{mutated(float(token), rng):.{len(token.split('.')[1])}f}"
    # A token never becomes empty or two: the format would change.
    return str(mutated(token, rng)).replace(" ", "") or token
