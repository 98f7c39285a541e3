"""How fast a model runs: a roofline over memory bandwidth and arithmetic (Williams et al., 2009).

One step reads every weight that it needs once and does two operations with each for every token of the batch;
whichever takes longer is the step's time. Tokens read their own part of the cache besides.
"""

from __future__ import annotations

from dataclasses import dataclass

from atlas.engine.fit.cards import Device
from atlas.engine.fit.memory import Serving, kv_bytes_per_token
from atlas.engine.shape import Shape

READS = 0.65
"""Share of the bandwidth that llama.cpp's kernels reach where one token is made at a time."""
COMPUTES = 0.5
"""Share of a card's peak that they reach on a prompt."""
CPU_COMPUTES = 1.0
"""The same of a processor, whose figure is what a float matrix product reaches there, not a peak on paper."""


@dataclass(frozen=True, slots=True)
class Work:
    """One model as a step sees it: ``dense`` and ``expert`` bytes of weights, and how many weights each are."""

    shape: Shape
    dense_bytes: int
    expert_bytes: int
    dense_weights: int
    expert_weights: int

    def bytes_read(self, tokens: int) -> float:
        """Bytes of weights that a step over so many tokens reads; few tokens leave experts untouched."""
        return self.dense_bytes + self.expert_bytes * self.touched(tokens)

    def touched(self, tokens: int) -> float:
        """Expected share of a mixture's experts that so many tokens use, each choosing on its own."""
        if not self.shape.experts:
            return 0.0
        return 1 - (1 - self.shape.experts_used / self.shape.experts) ** tokens

    @property
    def operations(self) -> float:
        """Arithmetic operations for one token."""
        used = self.shape.experts_used / self.shape.experts if self.shape.experts else 0.0
        return 2 * (self.dense_weights + self.expert_weights * used)


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second, seconds; None where the device's figures are unknown."""

    decode: float | None
    """Tokens a second of all slots together."""
    prompt: float | None
    first_token_s: float | None


def step_s(work: Work, device: Device, tokens: int, cached: int, serving: Serving) -> float | None:
    """Seconds of one step that makes a token for each of ``tokens`` sequences with ``cached`` tokens each."""
    if device.bandwidth is None:
        return None
    cache = tokens * cached * kv_bytes_per_token(work.shape, serving.key_type, serving.value_type)
    if work.shape.window:
        cache = tokens * _windowed_read(work.shape, cached, serving)
    reading = (work.bytes_read(tokens) + cache) / (device.bandwidth * READS)
    computing = 0.0 if device.flops is None else tokens * work.operations / _operations_per_s(device, device.flops)
    return max(reading, computing)


def prompt_s(work: Work, device: Device, prompt: int, serving: Serving) -> float | None:
    """Seconds until a prompt of so many tokens is read, one micro batch after the other."""
    if device.bandwidth is None or device.flops is None:
        return None
    total, at = 0.0, 0
    while at < prompt:
        tokens = min(serving.micro_batch, prompt - at)
        attention = 4 * work.shape.layers * work.shape.heads * work.shape.value_size * (at + tokens / 2)
        computing = tokens * (work.operations + attention) / _operations_per_s(device, device.flops)
        total += max(computing, work.bytes_read(tokens) / (device.bandwidth * READS))
        at += tokens
    return total


def accepted(acceptance: float, drafted: int) -> float:
    """Expected tokens of one round: guesses up to the first wrong one, and one token more (arXiv 2211.17192, eq. 1)."""
    if acceptance >= 1:
        return drafted + 1.0
    return (1 - acceptance ** (drafted + 1)) / (1 - acceptance)


def gain(plain_s: float, draft_s: float, check_s: float, acceptance: float, drafted: int) -> float:
    """How many times faster a draft makes it; below 1 it slows things down (arXiv 2211.17192, theorem 3.8).

    Args:
        plain_s: seconds of a step without the draft.
        draft_s: seconds in which the draft guesses one token.
        check_s: seconds of a step that checks ``drafted`` guesses for every sequence.
        acceptance: share of guesses that are right.
        drafted: guesses at a time.
    """
    return accepted(acceptance, drafted) * plain_s / (drafted * draft_s + check_s)


def _operations_per_s(device: Device, flops: float) -> float:
    return flops * (CPU_COMPUTES if device.is_cpu else COMPUTES)


def _windowed_read(shape: Shape, cached: int, serving: Serving) -> int:
    per_layer = kv_bytes_per_token(shape, serving.key_type, serving.value_type) / shape.layers
    seen = [min(cached, shape.window) if shape.sees_window(i) else cached for i in range(shape.layers)]
    return int(per_layer * sum(seen))
