"""The report as plain text: how right each arm was, what it cost, the strata, and what a reader must know."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from atlas.bench.summary import Against, ArmRow, Score, Summary

HEAD = ("arm", "selected@1", "95%", "oracle", "random", "vs first", "95%", "p")
_WIDTH = 96
COST_HEAD = ("arm", "generated tokens", "prompt tokens", "cached", "requests", "executions", "seconds")


def percent(score: Score) -> str:
    """A share in percent, one decimal."""
    return f"{100 * score.mean:.1f}" if score.problems else "-"


def interval(score: Score) -> str:
    """An interval in percent."""
    return f"{100 * score.interval.low:.1f} to {100 * score.interval.high:.1f}" if score.problems else "-"


def points(against: Against | None) -> tuple[str, str, str]:
    """A difference, its interval and its adjusted p, in points."""
    if against is None:
        return ("", "", "")
    low, high = 100 * against.interval.low, 100 * against.interval.high
    p = against.p_holm
    return (
        f"{100 * against.difference:+.1f}",
        f"{low:+.1f} to {high:+.1f}",
        "<0.001" if p < 0.001 else f"{p:.3f}",
    )


def cells(row: ArmRow) -> tuple[str, ...]:
    """How right one arm was, in the order of ``HEAD``."""
    return (
        row.arm,
        percent(row.selected),
        interval(row.selected),
        percent(row.oracle),
        percent(row.random),
        *points(row.against_first),
    )


def cost_cells(row: ArmRow) -> tuple[str, ...]:
    """What one arm cost, in the order of ``COST_HEAD``."""
    counts = (row.generated_tokens, row.prompt_tokens, row.cached_tokens, row.requests, row.executions)
    return (row.arm, *(f"{count:,}" for count in counts), f"{row.seconds:.1f}")


def strata_cells(summary: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of the table by strata: selected@1 of every arm, and the last arm against the first."""
    head = ("stratum", "n", *(row.arm for row in summary.rows), "last vs first", "95%")
    rows: list[tuple[str, ...]] = []
    for index, stratum in enumerate(summary.rows[0].strata if summary.rows else ()):
        across = [row.strata[index] for row in summary.rows if len(row.strata) > index]
        last = across[-1].against_first if len(summary.rows) > 1 else None
        rows.append(
            (
                f"{stratum.tag}: {stratum.value}",
                str(stratum.selected.problems),
                *(percent(s.selected) for s in across),
                *points(last)[:2],
            )
        )
    return head, rows


def notes(summary: Summary) -> tuple[str, ...]:
    """What was measured, in sentences; then everything that went wrong."""
    seeds = f"{summary.seeds} seed{'s' if summary.seeds != 1 else ''}"
    lines = [
        f"{summary.problems} problems of {summary.suite}, {seeds}, run {summary.run}.",
        "selected@1: the one answer handed over, graded once behind the seal; "
        "oracle: any candidate is right; random: a completion drawn blindly.",
        "Intervals: Wilson for scores, paired bootstrap over problems for differences; p: exact McNemar "
        "with Holm's adjustment. Tokens include discarded and cancelled completions.",
    ]
    for row in summary.rows:
        counts = {
            "answers without a usable program (counted as wrong)": row.unanswered,
            "answers over a time, memory or output limit (counted as wrong)": row.limits,
            "infrastructure errors (not counted)": row.infrastructure,
        }
        lines += [f"{row.arm}: {count} {what}." for what, count in counts.items() if count]
    return (*lines, *(f"Warning: {warning}" for warning in summary.warnings))


def render(summary: Summary) -> str:
    """The whole report as text of fixed columns."""
    parts = [
        _grid(HEAD, [cells(row) for row in summary.rows]),
        _grid(COST_HEAD, [cost_cells(row) for row in summary.rows]),
    ]
    head, rows = strata_cells(summary)
    if rows:
        parts.append(_grid(head, rows))
    parts.append("\n".join(fill(note, _WIDTH, subsequent_indent="  ") for note in notes(summary)))
    return "\n\n".join(parts) + "\n"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        name, *numbers = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        return "  ".join([name.strip().ljust(widths[0]), *numbers]).rstrip()

    return "\n".join([line(head), "  ".join("-" * w for w in widths), *map(line, rows)])
