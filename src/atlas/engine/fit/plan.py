"""A plan: one model at one quantization, served in one way on given devices; what it takes and how fast it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from atlas.engine.fit.cards import Device
from atlas.engine.fit.memory import Serving
from atlas.engine.fit.placement import Loaded, Placement, place
from atlas.engine.fit.quality import Quality, quality
from atlas.engine.fit.speed import Speed, Work, gain, prompt_s, step_s
from atlas.engine.fit.weights import Weights
from atlas.engine.shape import Shape

MOST_DRAFTED = 8


@dataclass(frozen=True, slots=True)
class Variant:
    """A model at one quantization.

    Its file is at ``path``, which may be an address, else in ``repository``. ``native``: it was trained like this.
    """

    name: str
    quantization: str
    shape: Shape
    weights: Weights
    repository: str = ""
    path: str = ""
    native: bool = False

    @property
    def work(self) -> Work:
        """What a step has to do."""
        experts = sum(self.weights.experts)
        dense = self.weights.output + sum(self.weights.layers) - experts
        return Work(self.shape, dense, experts, self.weights.dense_count, self.weights.expert_count)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a plan. ``context`` tokens a slot, prompts of ``prompt`` tokens."""

    context: int
    slots: int
    prompt: int
    acceptance: float
    """Share of a draft's guesses that are right; it depends on the text, so it is assumed until measured."""
    reserve: int
    ram_bandwidth: float
    """Bytes a second of main memory, where a mixture's experts may lie."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to serve a model."""

    variant: Variant
    draft: Variant | None
    serving: Serving
    experts_in_ram: int
    placement: Placement
    speed: Speed
    draft_gain: float | None
    """How many times faster the draft makes it; below 1 it slows things down. None: no draft, or unknown."""
    quality: Quality
    devices: tuple[Device, ...]

    @property
    def fits(self) -> bool:
        """Whether every device has room."""
        return self.placement.fits


def plan(variant: Variant, draft: Variant | None, kv_type: str, wanted: Wanted, devices: Sequence[Device]) -> Plan:
    """The plan of these parts; a mixture that does not fit on cards keeps the fewest experts in RAM that help."""
    serving = Serving(wanted.context, wanted.slots, kv_type, kv_type)
    gained, drafted = _best_draft(variant, draft, serving, wanted, devices[0]) if draft else (None, 0)
    serving = replace(serving, drafted=drafted)
    guessing = Loaded(draft.shape, draft.weights, replace(serving, drafted=0)) if draft else None
    model = Loaded(variant.shape, variant.weights, serving)
    placement = place(model, guessing, devices, wanted.reserve)
    if not placement.fits and variant.shape.experts and not devices[0].is_cpu:
        model = _fewest_in_ram(model, guessing, devices, wanted.reserve)
        placement = place(model, guessing, devices, wanted.reserve)
    device = devices[0]
    moved = sum(variant.weights.experts[: model.experts_in_ram]) / max(1, sum(variant.weights.experts))
    step = _step(variant, serving, wanted, device, moved)
    faster = gained or 1.0
    return Plan(
        variant=variant,
        draft=draft,
        serving=serving,
        experts_in_ram=model.experts_in_ram,
        placement=placement,
        speed=Speed(
            decode=None if step is None else faster * serving.slots / step,
            prompt=_prompt_speed(variant, serving, wanted, device, moved),
            first_token_s=_first_token(variant, serving, wanted, device, moved),
        ),
        draft_gain=gained,
        quality=quality(
            variant.quantization, kv_type, kv_type, native=variant.quantization if variant.native else None
        ),
        devices=tuple(devices),
    )


def _fewest_in_ram(model: Loaded, draft: Loaded | None, devices: Sequence[Device], reserve: int) -> Loaded:
    low, high = 0, model.shape.layers
    if not place(replace(model, experts_in_ram=high), draft, devices, reserve).fits:
        return model
    while low < high:
        middle = (low + high) // 2
        if place(replace(model, experts_in_ram=middle), draft, devices, reserve).fits:
            high = middle
        else:
            low = middle + 1
    return replace(model, experts_in_ram=low)


def _step(variant: Variant, serving: Serving, wanted: Wanted, device: Device, moved: float) -> float | None:
    """Seconds of one step of all slots. Layers on several cards take turns, so one card's speed decides."""
    step = step_s(variant.work, device, serving.slots, wanted.prompt, serving)
    return None if step is None else step + _in_ram_s(variant.work, serving.slots, wanted, device, moved)


def _in_ram_s(work: Work, tokens: int, wanted: Wanted, device: Device, moved: float) -> float:
    """Seconds more for experts that are read from main memory instead of the card's."""
    if not moved or device.bandwidth is None:
        return 0.0
    return moved * work.expert_bytes * work.touched(tokens) * (1 / wanted.ram_bandwidth - 1 / device.bandwidth)


def _first_token(variant: Variant, serving: Serving, wanted: Wanted, device: Device, moved: float) -> float | None:
    seconds = prompt_s(variant.work, device, wanted.prompt, serving)
    if seconds is None:
        return None
    batches = -(-wanted.prompt // serving.micro_batch)
    return seconds + batches * _in_ram_s(variant.work, serving.micro_batch, wanted, device, moved)


def _prompt_speed(variant: Variant, serving: Serving, wanted: Wanted, device: Device, moved: float) -> float | None:
    seconds = _first_token(variant, serving, wanted, device, moved)
    return None if seconds is None else wanted.prompt / seconds


def draft_gain(
    variant: Variant, draft: Variant, serving: Serving, wanted: Wanted, device: Device, drafted: int
) -> float | None:
    """How many times faster a draft with so many guesses at a time makes it; None where the device is unknown."""
    slots, prompt = serving.slots, wanted.prompt
    plain = step_s(variant.work, device, slots, prompt, serving)
    guess = step_s(draft.work, device, slots, prompt, serving)
    # A check reads the cache once for all guesses of a sequence, and weights once for all.
    check = step_s(variant.work, device, slots * (1 + drafted), prompt // (1 + drafted), serving)
    if plain is None or guess is None or check is None:
        return None
    return gain(plain, guess, check, wanted.acceptance, drafted)


def _best_draft(
    variant: Variant, draft: Variant, serving: Serving, wanted: Wanted, device: Device
) -> tuple[float | None, int]:
    """The gain with as many guesses at a time as are best, and how many those are."""
    counts = range(1, MOST_DRAFTED + 1)
    gains = [(g, n) for n in counts if (g := draft_gain(variant, draft, serving, wanted, device, n)) is not None]
    return max(gains, default=(None, 4))
