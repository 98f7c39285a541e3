"""Which layer lies on which card, and whether everything has room (llama.cpp's ``--split-mode layer``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atlas.engine.fit.cards import Device
from atlas.engine.fit.memory import Serving, cache_bytes_of_layer, compute_bytes, output_bytes, pipeline_bytes
from atlas.engine.fit.weights import Weights
from atlas.engine.shape import Shape


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model to be placed, and how it is served.

    The first ``experts_in_ram`` layers keep their experts in main memory.
    """

    shape: Shape
    weights: Weights
    serving: Serving
    experts_in_ram: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one device holds, in bytes, and what it has."""

    device: str
    layers: int
    weights: int
    cache: int
    compute: int
    draft: int
    """All that the draft model takes."""
    reserve: int
    memory: int

    @property
    def needed(self) -> int:
        """All of it, the reserve included."""
        return self.weights + self.cache + self.compute + self.draft + self.reserve

    @property
    def free(self) -> int:
        """What is left; negative where it does not fit."""
        return self.memory - self.needed


@dataclass(frozen=True, slots=True)
class Placement:
    """A model and its draft on devices; ``host`` is main memory that is used beside cards."""

    shares: tuple[Share, ...]
    host: int

    @property
    def fits(self) -> bool:
        """Whether every device has room."""
        return all(share.free >= 0 for share in self.shares)

    @property
    def free(self) -> int:
        """Bytes left on the fullest device."""
        return min(share.free for share in self.shares)


def place(model: Loaded, draft: Loaded | None, devices: Sequence[Device], reserve: int) -> Placement:
    """Lay layers out over ``devices`` in order, so that the fullest one has as much left as possible.

    The draft goes where the most room is.

    Args:
        model: what is served.
        draft: the model that guesses ahead.
        devices: cards, or this machine's processor alone.
        reserve: bytes of each device that are left to others: the driver, a desktop.
    """
    if devices[0].is_cpu:
        return _on_cpu(model, draft, devices[0], reserve)
    compute = compute_bytes(model.shape, model.serving)
    compute += pipeline_bytes(model.shape, model.serving) if len(devices) > 1 else 0
    extra = _draft_bytes(draft) if draft else 0
    host = model.weights.embedding + output_bytes(model.shape, model.serving)
    host += sum(model.weights.experts[: model.experts_in_ram])
    host += draft.weights.embedding + output_bytes(draft.shape, draft.serving) if draft else 0
    roomiest = max(range(len(devices)), key=lambda i: devices[i].memory)
    room = [d.memory - compute - reserve - (extra if i == roomiest else 0) for i, d in enumerate(devices)]
    layers = [_layer_bytes(model, i) for i in range(model.shape.layers)]
    counts = _split([weights + cache for weights, cache in layers], model.weights.output, room)
    shares: list[Share] = []
    start = 0
    for i, (device, count) in enumerate(zip(devices, counts, strict=True)):
        mine = layers[start : start + count]
        start += count
        last = i == len(devices) - 1
        shares.append(
            Share(
                device=device.name,
                layers=count,
                weights=sum(weights for weights, _ in mine) + (model.weights.output if last else 0),
                cache=sum(cache for _, cache in mine),
                compute=compute,
                draft=extra if i == roomiest else 0,
                reserve=reserve,
                memory=device.memory,
            )
        )
    return Placement(tuple(shares), host)


def _on_cpu(model: Loaded, draft: Loaded | None, device: Device, reserve: int) -> Placement:
    cache = sum(_layer_bytes(model, i)[1] for i in range(model.shape.layers))
    compute = compute_bytes(model.shape, model.serving) + output_bytes(model.shape, model.serving)
    extra = 0
    if draft:
        # In main memory an output projection that is the embedding lies there once.
        extra = _draft_bytes(draft) + output_bytes(draft.shape, draft.serving)
        extra += 0 if draft.weights.tied else draft.weights.embedding
    share = Share(device.name, model.shape.layers, model.weights.total, cache, compute, extra, reserve, device.memory)
    return Placement((share,), 0)


def _draft_bytes(draft: Loaded) -> int:
    """What a draft takes of a card."""
    layers = sum(sum(_layer_bytes(draft, i)) for i in range(draft.shape.layers))
    return layers + draft.weights.output + compute_bytes(draft.shape, draft.serving)


def _layer_bytes(model: Loaded, layer: int) -> tuple[int, int]:
    """Weights and cache of one layer on its device."""
    weights = model.weights.layers[layer]
    if layer < model.experts_in_ram:
        weights -= model.weights.experts[layer]
    return weights, cache_bytes_of_layer(model.shape, layer, model.serving)


def _split(layers: Sequence[int], output: int, room: Sequence[int]) -> list[int]:
    """How many layers each device gets, so that the smallest rest is largest (by bisection)."""
    low, high = min(room) - sum(layers) - output, max(room)
    best = [0] * (len(room) - 1) + [len(layers)]
    while high - low > 1 << 20:
        rest = (low + high) // 2
        counts = _filled(layers, output, [space - rest for space in room])
        if counts is None:
            high = rest
        else:
            low, best = rest, counts
    return best


def _filled(layers: Sequence[int], output: int, room: Sequence[int]) -> list[int] | None:
    """Layers a device when each takes as many as it can, None where the last ones find no room."""
    counts: list[int] = []
    at = 0
    for i, space in enumerate(room):
        left = space - (output if i == len(room) - 1 else 0)
        start = at
        while at < len(layers) and layers[at] <= left:
            left -= layers[at]
            at += 1
        if left < 0:
            return None
        counts.append(at - start)
    return counts if at == len(layers) else None
