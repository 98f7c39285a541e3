"""Plans as a table to read and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from atlas.engine.fit.command import command
from atlas.engine.fit.placement import Share
from atlas.engine.fit.plan import Plan, Wanted
from atlas.engine.fit.quality import SOURCE
from atlas.engine.tensors import KNOWN

_GIB = 1 << 30


def as_data(plans: Sequence[Plan], wanted: Wanted) -> dict[str, Any]:
    """Everything about each plan, for ``--json``; sizes in bytes, speeds in tokens a second."""
    return {
        "context": wanted.context,
        "parallel": wanted.slots,
        "prompt": wanted.prompt,
        "acceptance": wanted.acceptance,
        "plans": [_plan_data(plan) for plan in plans],
    }


def _plan_data(plan: Plan) -> dict[str, Any]:
    return {
        "model": plan.variant.name,
        "quantization": plan.variant.quantization,
        "kv_type": plan.serving.key_type,
        "draft": plan.draft.name if plan.draft else None,
        "drafted": plan.serving.drafted,
        "fits": plan.fits,
        "compute_is_estimate": plan.variant.shape.architecture not in KNOWN,
        "experts_in_ram": plan.experts_in_ram,
        "devices": [_share_data(share) for share in plan.placement.shares],
        "host_bytes": plan.placement.host,
        "tokens_per_s": plan.speed.decode,
        "prompt_tokens_per_s": plan.speed.prompt,
        "first_token_s": plan.speed.first_token_s,
        "draft_gain": plan.draft_gain,
        "divergence": plan.quality.divergence,
        "divergence_source": plan.quality.source or "unknown",
        "command": command(plan),
    }


def _share_data(share: Share) -> dict[str, Any]:
    return {
        "device": share.device,
        "layers": share.layers,
        "weights_bytes": share.weights,
        "kv_bytes": share.cache,
        "compute_bytes": share.compute,
        "draft_bytes": share.draft,
        "reserve_bytes": share.reserve,
        "needed_bytes": share.needed,
        "memory_bytes": share.memory,
        "free_bytes": share.free,
    }


def render(plans: Sequence[Plan], wanted: Wanted) -> RenderableType:
    """The plans in order, then the best one in full; the command that starts it is printed apart, never wrapped."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "KV", "draft"):
        table.add_column(name, no_wrap=True)
    for name in ("needs", "left, GiB", "tokens/s", "prompt/s", "first token", "KL"):
        table.add_column(name, justify="right", no_wrap=True)
    for plan in plans:
        table.add_row(*_cells(plan), style="" if plan.fits else "dim")
    parts: list[RenderableType] = [table, Text()]
    if plans:
        parts += [*_details(plans[0]), Text()]
    return Group(*parts, *_notes(plans, wanted))


def _cells(plan: Plan) -> tuple[str, ...]:
    draft = "" if plan.draft is None else f"{plan.draft.name}, {plan.serving.drafted}{_gain(plan)}"
    model = f"{plan.variant.name} {plan.variant.quantization}"
    moved = f" ({plan.experts_in_ram} layers' experts in RAM)" if plan.experts_in_ram else ""
    loss = plan.quality.divergence
    return (
        model + moved,
        plan.serving.key_type,
        draft,
        f"{sum(share.needed for share in plan.placement.shares) / _GIB:.2f}",
        f"{plan.placement.free / _GIB:.2f}" if plan.fits else f"no: {-plan.placement.free / _GIB:.2f} short",
        _number(plan.speed.decode),
        _number(plan.speed.prompt),
        "?" if plan.speed.first_token_s is None else f"{plan.speed.first_token_s:.2f} s",
        "unknown" if loss is None else f"{loss:.3f}",
    )


def _gain(plan: Plan) -> str:
    if plan.draft_gain is None:
        return ""
    return f" (x{plan.draft_gain:.2f})" if plan.draft_gain >= 1 else f" (slower: x{plan.draft_gain:.2f})"


def _details(plan: Plan) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for share in plan.placement.shares:
        terms = [("weights", share.weights), ("KV", share.cache), ("compute", share.compute)]
        terms += [("draft", share.draft)] if share.draft else []
        terms += [("reserve", share.reserve)]
        total = " + ".join(f"{name} {size / _GIB:.2f}" for name, size in terms)
        verdict = "fits" if share.free >= 0 else f"is {-share.free / _GIB:.2f} short"
        lines.append(
            Text(f"{share.device}: {total} = {share.needed / _GIB:.2f} of {share.memory / _GIB:.2f} GiB: {verdict}")
        )
    if plan.placement.host:
        lines.append(Text(f"main memory besides: {plan.placement.host / _GIB:.2f} GiB"))
    return lines


def _notes(plans: Sequence[Plan], wanted: Wanted) -> list[RenderableType]:
    notes = [
        f"tokens/s of all {wanted.slots} slots together with {wanted.prompt} tokens each, by a roofline, not measured; "
        f"first token after a prompt of {wanted.prompt}."
    ]
    unknown = {plan.variant.shape.architecture for plan in plans} - KNOWN
    notes += [f"The graph of {name} is not modelled: compute is estimated as llama's." for name in sorted(unknown)]
    borrowed = {d.name for plan in plans for d in plan.devices if d.name.startswith("as ")}
    notes += [
        f"Speed {name}, the slowest known card of that size: name yours with --card." for name in sorted(borrowed)
    ]
    if any(plan.draft for plan in plans):
        notes.append(f"Drafts: {wanted.acceptance:.0%} of the guesses right is assumed; it depends on the text.")
    notes.append(f"KL: {SOURCE}; other models lose more or less, and what the KV type costs is unknown.")
    return [Text(note, style="dim") for note in notes]


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
