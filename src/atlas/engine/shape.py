"""The shape of a language model: what decides how much memory it takes, apart from its quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atlas.engine.gguf_reader import Scalar
from atlas.errors import UsageError

_MOST_EXPERTS = 1 << 12
WINDOW_PERIOD = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "exaone4": 4, "olmo2": 4}
"""Every how many layers one attends to everything, by architecture; the others see a window (llama.cpp, src/models)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a decoder-only transformer, in llama.cpp's terms. Counts are of elements; 0 means "has none"."""

    architecture: str
    context: int
    """Tokens that it was trained for."""
    layers: int
    width: int
    """Elements of the residual stream (``embedding_length``)."""
    heads: int
    kv_heads: tuple[int, ...]
    """Key-value heads of every layer."""
    key_size: int
    """Elements of one head's key, as the cache keeps it."""
    value_size: int
    feed: int
    """Elements inside a dense feed-forward block."""
    vocabulary: int
    window: int = 0
    """Tokens that a windowed layer sees."""
    windowed: tuple[bool, ...] = ()
    """Which layers see a window only; as many as layers, or none."""
    experts: int = 0
    experts_used: int = 0
    expert_feed: int = 0
    shared_feed: int = 0
    """Elements inside the feed-forward block that every token of a mixture layer passes through."""
    dense_lead: int = 0
    """Leading layers of a mixture model that are dense."""
    kv_rank: int = 0
    """Elements of a compressed key-value pair (multi-head latent attention, arXiv 2405.04434)."""
    rope_size: int = 0
    """Elements of a key that carry a position, where they are apart from the rest."""
    latent_cache: bool = False
    """Whether the cache keeps the compressed pair; older files of such models keep full keys and values."""
    tied: bool = False
    """Whether the output projection is the token embedding."""

    def mixture(self, layer: int) -> bool:
        """Whether this layer's feed-forward block is a mixture of experts."""
        return self.experts > 0 and layer >= self.dense_lead

    def sees_window(self, layer: int) -> bool:
        """Whether this layer attends to the last ``window`` tokens only."""
        return bool(self.windowed) and self.windowed[layer]


def windows(architecture: str, layers: int) -> tuple[bool, ...]:
    """Which layers see a window, where the file names only its size."""
    period = WINDOW_PERIOD.get(architecture, 0)
    return tuple(i % period < period - 1 for i in range(layers)) if period else ()


def shape_of(
    values: Mapping[str, Scalar], numbers: Mapping[str, Sequence[int]], vocabulary: int, tensors: Mapping[str, object]
) -> Shape:
    """The shape that a GGUF header tells.

    Args:
        values: the header's single values.
        numbers: its arrays of whole numbers, one number a layer.
        vocabulary: tokens of its tokenizer.
        tensors: by name.

    Raises:
        UsageError: a size is missing or absurd, or the model keeps a state that is no key-value cache.
    """
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str):
        raise UsageError("The file names no architecture: give a GGUF file of a language model.")

    def size(key: str, default: int | None = None, most: int = 1 << 24) -> int:
        name = f"{architecture}.{key}"
        found = values.get(name, default)
        if found is None:
            raise UsageError(f"The file does not say its {name}: give a GGUF file of a language model.")
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
            raise UsageError(f"The file says {name} is {found!r}: that is no size.")
        return found

    def each(key: str, default: int) -> tuple[int, ...]:
        name = f"{architecture}.{key}"
        found = tuple(numbers[name])[:layers] if name in numbers else (size(key, default),) * layers
        if len(found) != layers or not all(0 <= n <= 1 << 20 for n in found):
            raise UsageError(f"The file's {name} does not name a size for each layer.")
        return found

    if any(key.startswith(f"{architecture}.ssm.") for key in values):
        raise UsageError(f"{architecture} keeps a recurrent state beside its cache: its memory is not predicted yet.")
    layers = size("block_count", most=1 << 12) - size("nextn_predict_layers", 0)
    width, heads = size("embedding_length"), max(each("attention.head_count", 0), default=0)
    if not (layers > 0 and width and heads and vocabulary):
        raise UsageError("The file holds no decoder with attention: give a GGUF file of a language model.")
    latent = size("attention.key_length_mla", 0) > 0
    window = size("attention.sliding_window", 0)
    pattern = f"{architecture}.attention.sliding_window_pattern"
    windowed = tuple(map(bool, numbers[pattern]))[:layers] if pattern in numbers else windows(architecture, layers)
    expert_feed = size("expert_feed_forward_length", 0)
    feeds = each("feed_forward_length", 0)
    experts, experts_used = size("expert_count", 0, _MOST_EXPERTS), size("expert_used_count", 0, _MOST_EXPERTS)
    key_size, value_size = size("attention.key_length", width // heads), size("attention.value_length", width // heads)
    if not key_size or not value_size or bool(experts) != bool(experts_used) or experts_used > experts:
        raise UsageError("The file's sizes of heads or experts contradict each other.")
    if len(windowed) not in (0, layers):
        raise UsageError(f"The file's {pattern} does not name a window for each layer.")
    return Shape(
        architecture=architecture,
        context=size("context_length", most=1 << 31),
        layers=layers,
        width=width,
        heads=heads,
        kv_heads=each("attention.head_count_kv", heads),
        key_size=key_size,
        value_size=value_size,
        feed=max(feeds, default=0),
        vocabulary=vocabulary,
        window=window,
        windowed=windowed if window else (),
        experts=experts,
        experts_used=experts_used,
        expert_feed=expert_feed or (max(feeds, default=0) if experts else 0),
        shared_feed=size("expert_shared_count", 0) * expert_feed,
        dense_lead=size("leading_dense_block_count", 0),
        kv_rank=size("attention.kv_lora_rank", 0),
        rope_size=size("rope.dimension_count", 0),
        latent_cache=latent,
        tied="output.weight" not in tensors,
    )
