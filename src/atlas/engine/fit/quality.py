"""What a quantization costs, as far as somebody has published it; everything else is unknown."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Llama 3 8B, no importance matrix, WikiText-2: llama.cpp, tools/perplexity/README.md"
"""One model's figures. Smaller models and other families lose more or less."""

_DIVERGENCE = {
    "Q8_0": 0.001355,
    "Q6_K": 0.005452,
    "Q5_K_M": 0.010762,
    "Q5_K_S": 0.016595,
    "Q4_K_M": 0.031273,
    "Q4_K_S": 0.043136,
    "Q4_0": 0.071940,
    "Q3_K_M": 0.101913,
    "Q2_K": 0.445132,
}


@dataclass(frozen=True, slots=True)
class Quality:
    """Mean Kullback-Leibler divergence of the next token's distribution from the full model's, in nats.

    None is unknown; ``source`` says where it was measured.
    """

    divergence: float | None
    source: str


def quality(quantization: str, key_type: str, value_type: str, *, native: str | None = None) -> Quality:
    """What is known of a quantization with these cache types.

    Args:
        quantization: a name such as ``Q4_K_M``.
        key_type: of the cache.
        value_type: of the cache.
        native: the quantization in which the model was trained, which costs nothing.
    """
    if (key_type, value_type) != ("f16", "f16"):
        weights = quality(quantization, "f16", "f16", native=native)
        note = "the cache type's cost is unknown"
        return Quality(weights.divergence, f"{weights.source}; {note}" if weights.source else note)
    if quantization in ("F16", "BF16", native):
        return Quality(0.0, "as published")
    found = _DIVERGENCE.get(quantization)
    return Quality(found, SOURCE if found is not None else "")
