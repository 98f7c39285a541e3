"""The report as one HTML file that needs nothing else: no script, no font, no image from elsewhere.

Everything that comes from a run is escaped. No hidden test is in it, since none is in what it is made from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from atlas.bench.costs import Costs
from atlas.bench.manifest import Found, Manifest
from atlas.bench.report.measured import sections
from atlas.bench.report.table import (
    CALIBRATION_HEAD,
    CONTROL_HEAD,
    COST_HEAD,
    PHASE_HEAD,
    calibration_rows,
    cells,
    control_rows,
    cost_cells,
    head,
    notes,
    phase_rows,
    strata_cells,
)
from atlas.bench.scores import Score
from atlas.bench.summary import ArmRow, Summary

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --faint: #6b6b6b; --line: #d8d8d8; --mark: #1f6feb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181c; --faint: #9a9a9a; --line: #383c44; --mark: #6ea8fe; }
}
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
th { color: var(--faint); font-weight: 600; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
.axis { stroke: var(--line); } .bar { stroke: var(--mark); stroke-width: 2; }
.dot { fill: var(--mark); } .oracle { fill: none; stroke: var(--faint); stroke-width: 1.5; }
.note { color: var(--faint); } pre { overflow-x: auto; font-size: 12px; } summary { cursor: pointer; }
@media print { details { display: none; } }
"""

_ROW, _LEFT, _WIDTH, _SIDE = 28, 190, 480, 180


def render(summary: Summary, manifest: Manifest, found: Found | None, costs: Costs | None = None) -> str:
    """The whole file as text (UTF-8)."""
    top, strata = strata_cells(summary)
    parts = [
        f"<h1>{escape(summary.suite)}: {summary.problems} problems</h1>",
        f'<p class="note">run {escape(summary.run)}, {escape(manifest.created)}</p>',
        _table(head(summary), [cells(row) for row in summary.rows]),
        "<h2>Cost</h2>",
        _table(COST_HEAD, [cost_cells(row) for row in summary.rows]),
        "<h2>Score with 95% intervals (ring: oracle of the pool)</h2>",
        _plot([(row.arm, row.selected, row.oracle) for row in summary.rows]),
    ]
    if controls := control_rows(summary):
        parts += ["<h2>The same tokens spent in another way</h2>", _table(CONTROL_HEAD, controls)]
    if phases := phase_rows(summary):
        parts += ["<h2>What the later phases changed</h2>", _table(PHASE_HEAD, phases)]
    if strata:
        parts += ["<h2>By strata: selected@1</h2>", _table(top, strata)]
    parts += ["<h2>Confidence</h2>", _table(CALIBRATION_HEAD, calibration_rows(summary)), _reliability(summary)]
    for section in sections(summary, costs):
        parts.append(f"<h2>{escape(section.title)}</h2>")
        parts += [_table(section.head, section.rows)] if section.rows else []
        parts += [f'<p class="note">{escape(note)}</p>' for note in section.notes]
    parts += ["<h2>What was measured</h2>", *(f"<p>{escape(note)}</p>" for note in notes(summary))]
    parts += [_details("Manifest", manifest.model_dump(mode="json"))]
    if found is not None:
        parts.append(_details("Engine, sandbox and wall", found.model_dump(mode="json")))
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(summary.suite)} {escape(summary.run)}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _plot(rows: Sequence[tuple[str, Score, Score]]) -> str:
    """Intervals of the scores, an arm a line, on one axis from 0 to 100%."""
    height = _ROW * len(rows) + 30
    lines = [
        f'<line class="axis" x1="{_x(tick)}" y1="0" x2="{_x(tick)}" y2="{height - 22}"/>'
        f'<text x="{_x(tick)}" y="{height - 6}" text-anchor="middle">{100 * tick:.0f}%</text>'
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    for index, (name, score, oracle) in enumerate(rows):
        y = _ROW * index + _ROW // 2
        low, high = _x(score.interval.low), _x(score.interval.high)
        lines.append(
            f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(name[:26])}</text>'
            f'<line class="bar" x1="{low}" y1="{y}" x2="{high}" y2="{y}"/>'
            f'<circle class="dot" cx="{_x(score.mean)}" cy="{y}" r="4"/>'
            f'<circle class="oracle" cx="{_x(oracle.mean)}" cy="{y}" r="5"/>'
        )
    width = _LEFT + _WIDTH + 30
    label = "Intervals of selected@1 by arm"
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{label}">'
        + "".join(lines)
        + "</svg>"
    )


def _reliability(summary: Summary) -> str:
    """Reliability diagrams side by side: how often right over the confidence; a dot's area is its share of answers."""
    return '<div class="scroll">' + "".join(map(_diagram, summary.rows)) + "</div>"


def _diagram(row: ArmRow) -> str:
    size, edge = _SIDE, 24
    dots = "".join(
        f'<circle class="dot" cx="{edge + size * bin.confidence:.1f}" cy="{edge + size * (1 - bin.right):.1f}" '
        f'r="{2 + 12 * bin.share**0.5:.1f}" fill-opacity="0.7"/>'
        for bin in (row.calibration.bins if row.calibration else ())
    )
    return (
        f'<svg viewBox="0 0 {size + 2 * edge} {size + 2 * edge}" width="{size + 2 * edge}" height="{size + 2 * edge}" '
        f'role="img" aria-label="Reliability of {escape(row.arm)}">'
        f'<text x="{edge}" y="16">{escape(row.arm[:26])}</text>'
        f'<rect class="axis" x="{edge}" y="{edge}" width="{size}" height="{size}" fill="none"/>'
        f'<line class="axis" x1="{edge}" y1="{edge + size}" x2="{edge + size}" y2="{edge}"/>{dots}'
        f'<text x="{edge + size}" y="{size + 2 * edge - 8}" text-anchor="end">confidence</text></svg>'
    )


def _x(share: float) -> float:
    return round(_LEFT + _WIDTH * share, 1)


def _details(title: str, data: object) -> str:
    text = escape(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True))
    return f"<details><summary>{escape(title)}</summary><pre>{text}</pre></details>"
