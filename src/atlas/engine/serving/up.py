"""From a choice to a running server: the draft is measured, types of cache are tried, and what came of it is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from atlas.engine.fit.command import placement
from atlas.engine.fit.plan import Plan
from atlas.engine.hardware import hardware
from atlas.engine.running import Engine, Server
from atlas.engine.running import start as start_engine
from atlas.engine.serving.choosing import Chosen
from atlas.engine.serving.drafting import Case, Comparison, coding_requests, compare, remember, remembered
from atlas.engine.serving.records import Record, name_of
from atlas.engine.serving.starting import Wish, check_free, start
from atlas.engine.serving.telling import refuses_cache
from atlas.engine.settings import Settings
from atlas.errors import EngineError

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Where it is to be, and how. ``draft_asked``: a draft was named, so that without a measurement it is used."""

    name: str | None = None
    port: int | None = None
    threads: int | None = None
    measure: bool = True
    draft_asked: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """What runs, and what was measured of its draft."""

    record: Record
    comparison: Comparison | None
    notes: tuple[str, ...]


def bring_up(chosen: Chosen, options: Options, progress: Told) -> Started:
    """Start what was chosen, with the first type of cache that the engine accepts and a draft only if it pays.

    Raises:
        UsageError: the name or the port is taken.
        EngineError: it does not start.
    """
    name = options.name or name_of(chosen.name)
    check_free(name, options.port)
    notes = list(chosen.hints)
    for kind, finer in pairwise(chosen.caches):
        try:
            return _attempt(chosen, options, name, kind, notes, progress)
        except EngineError as e:
            if not refuses_cache(str(e)):
                raise
            notes.append(f"The engine refuses a cache of type {kind}, so {finer} is used: {e}")
    return _attempt(chosen, options, name, chosen.caches[-1], notes, progress)


def _attempt(chosen: Chosen, options: Options, name: str, cache: str, before: list[str], progress: Told) -> Started:
    plan, comparison, notes = _decided(chosen, options, cache, progress)
    server = chosen.server
    settings = Settings(
        model=Path(plan.variant.path),
        slots=plan.serving.slots,
        context=plan.serving.context,
        threads=options.threads or max(1, hardware().cores - 1),
        api_key=None,
        draft=Path(plan.draft.path) if plan.draft else None,
        drafted=max(1, plan.serving.drafted),
        cache=cache,
        placement=_placement(chosen, plan),
        verbose=True,
    )
    wish = Wish(
        name,
        f"{chosen.name} {plan.variant.quantization}",
        settings,
        chosen.version,
        executable=server.path if server else None,
        gpu=bool(server and server.gpus),
        port=options.port,
    )
    record = start(wish, progress)
    if record.cache != cache:
        notes.append(f"A cache of type {cache} was asked for, and the engine says {record.cache}.")
    if record.flash == "disabled":
        notes.append("The engine does not use flash attention here: it takes more memory than planned.")
    return Started(record, comparison, (*before, *notes))


def _placement(chosen: Chosen, plan: Plan) -> tuple[str, ...]:
    return tuple(placement(plan)) if chosen.server else ()


def _decided(chosen: Chosen, options: Options, cache: str, progress: Told) -> tuple[Plan, Comparison | None, list[str]]:
    """The plan with the draft or the one without, whichever was measured to be faster."""
    plan = chosen.guessing
    if plan is None or plan.draft is None:
        return chosen.plain, None, []
    if not options.measure:
        helps = options.draft_asked or (plan.draft_gain or 0) > 1
        return (plan if helps else chosen.plain), None, []
    comparison = _compared(chosen, plan, options, cache, progress)
    helps = comparison.ratio > 1
    said = f"With the draft it is {comparison.ratio:.2f} times as fast ({comparison.share:.0%} of its guesses right"
    said += f"; {plan.draft_gain:.2f} was predicted)" if plan.draft_gain else ")"
    kept = "it is used" if helps else "it is left out"
    return (plan if helps else chosen.plain), comparison, [f"{said}: {kept}."]


def _compared(chosen: Chosen, plan: Plan, options: Options, cache: str, progress: Told) -> Comparison:
    assert plan.draft is not None
    model, draft = Path(plan.variant.path), Path(plan.draft.path)
    slots, drafted = plan.serving.slots, max(1, plan.serving.drafted)
    gpus = chosen.server.gpus if chosen.server else ()
    case = Case(model, draft, slots, drafted, cache, chosen.version, gpus)
    if (found := remembered(case)) is not None:
        return found
    server: Server = "llama-server" if chosen.server else "embedded"

    async def engine(with_draft: Path | None) -> Engine:
        return await start_engine(
            model,
            slots=slots,
            context=plan.serving.context,
            threads=options.threads,
            server=server,
            draft=with_draft,
            drafted=drafted,
            cache=cache,
            placement=_placement(chosen, plan if with_draft else chosen.plain),
        )

    requests = coding_requests(slots)
    measured = asyncio.run(compare(engine, draft, requests, slots, on_cards=bool(gpus), told=progress))
    remember(case, measured)
    return measured
