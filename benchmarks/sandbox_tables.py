"""The measurement's tables as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sandbox_peers.case import Case
from sandbox_rounds import Measured, Spread, ratio


def table(head: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> str:
    """Columns as wide as they must be; the first ``names`` to the left, numbers to the right."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]

    def line(row: Sequence[str]) -> str:
        left = [cell.ljust(width) for cell, width in zip(row[:names], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[names:], widths[names:], strict=True)]
        return "  ".join([*left, *right]).rstrip()

    return "\n".join(map(line, [head, ["-" * width for width in widths], *rows]))


def cost_table(measured: Sequence[Measured], programs: int, absent: Mapping[str, str]) -> str:
    """One program a process."""
    head = ["system", "workers", "CPU ms a program", "spread", "times bare fork", "programs/s", "misjudged"]
    rows: list[list[str]] = []
    for m in measured:
        bare = next((b for b in measured if b.name == "bare fork" and b.workers == m.workers), None)
        low, middle, high = m.cpu_ms()
        rows.append(
            [
                _name(m),
                str(m.workers),
                f"{middle:.2f}",
                f"{low:.2f} to {high:.2f}",
                f"{ratio(m, bare):.2f}",
                f"{m.per_second()[1]:.0f}",
                str(m.misjudged),
            ]
        )
    title = f"One program of five inputs a process, {programs} programs, {len(measured[0].samples)} rounds"
    return "\n".join([_title(title, measured), table(head, rows), *_absent(absent)])


def mix_table(measured: Sequence[Measured], cases: Sequence[Case], absent: Mapping[str, str]) -> str:
    """A search's candidates."""
    head = ["system", "workers", "CPU s", "spread", "times ours", "seconds", "misjudged"]
    rows = [
        [
            _name(m),
            str(m.workers),
            f"{m.cpu_s()[1]:.2f}",
            _shown(m.cpu_s()),
            f"{ratio(m, measured[0]):.2f}",
            f"{m.wall_s()[1]:.1f}",
            str(m.misjudged),
        ]
        for m in measured
    ]
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(case.kind for case in cases).most_common())
    problems = len({case.problem for case in cases})
    title = f"{len(cases)} candidates for {problems} problems ({kinds}), {len(measured[0].samples)} rounds"
    return "\n".join([_title(title, measured), table(head, rows), *_absent(absent)])


def _name(measured: Measured) -> str:
    if measured.tier is None or measured.tier in measured.name:
        return measured.name
    return f"{measured.name} ({measured.tier})"


def _shown(spread: Spread) -> str:
    return f"{spread[0]:.2f} to {spread[2]:.2f}"


def _title(text: str, measured: Sequence[Measured]) -> str:
    return f"{text}; CPU by {', '.join(sorted({m.how for m in measured}))}\n"


def _absent(absent: Mapping[str, str]) -> list[str]:
    return [f"left out: {name}: {reason}" for name, reason in absent.items()]
