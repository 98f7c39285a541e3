"""Two runs beside each other, as plain text."""

from __future__ import annotations

from textwrap import fill

from atlas.bench.report.table import grid, interval, percent, points
from atlas.bench.versus import Comparison, Pair

HEAD = ("first = second", "first", "95%", "second", "95%", "difference", "95%", "only first", "only second", "p", "n")
_WIDTH = 96


def render(found: Comparison) -> str:
    """The comparison as text."""
    lines = [f"{found.suite}, {found.measure}: {found.first} and {found.second}", ""]
    lines += [grid(HEAD, [_cells(pair) for pair in found.pairs]), ""]
    note = (
        "Over the problems that both have (n), the second less the first in points: paired bootstrap over problems, "
        "exact McNemar on those that one alone solved, p with Holm's adjustment."
    )
    lines.append(fill(note, _WIDTH))
    for other in found.differences:
        lines.append(fill(f"Also different: {other.what}: {other.first} / {other.second}", _WIDTH))
    return "\n".join(lines) + "\n"


def _cells(pair: Pair) -> tuple[str, ...]:
    against = pair.against
    difference, between, p = points(against)
    return (
        pair.first if pair.first == pair.second else f"{pair.first} = {pair.second}",
        *(percent(pair.first_score), interval(pair.first_score)),
        *(percent(pair.second_score), interval(pair.second_score)),
        *(difference, between),
        *(("", "") if against is None else (str(against.lost), str(against.gained))),
        p,
        "0" if against is None else str(against.problems),
    )
