"""The tensors that a GGUF file of a given shape holds, as llama.cpp's converter writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from atlas.engine.shape import Shape

QK_NORMS = {"qwen3", "qwen3moe", "gemma3"}
"""Architectures that normalise each head's query and key."""
QKV_BIASES = {"qwen2", "gpt-oss"}
POST_NORMS = {"gemma3"}
"""Architectures with a norm behind the attention and behind the feed-forward block, too."""
KNOWN = {"llama", "qwen2", "qwen3", "qwen3moe", "gemma3", "gpt-oss", "deepseek2"}
"""Architectures whose tensors and graph are modelled one by one."""


_Part = tuple[str, *tuple[int, ...]]
"""Name within the layer, and dimensions."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name and dimensions; the first is a row's length, as in GGUF."""

    name: str
    dimensions: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Weights in it."""
        return prod(self.dimensions)


def tensors(shape: Shape) -> tuple[Tensor, ...]:
    """All tensors in the order of the file."""
    return tuple(_tensors(shape))


def _tensors(shape: Shape) -> Iterator[Tensor]:
    yield Tensor("token_embd.weight", (shape.width, shape.vocabulary))
    yield Tensor("output_norm.weight", (shape.width,))
    if not shape.tied:
        yield Tensor("output.weight", (shape.width, shape.vocabulary))
    if shape.architecture == "llama" and shape.rope_size:
        yield Tensor("rope_freqs.weight", (shape.rope_size // 2,))
    for i in range(shape.layers):
        parts = (*_norms(shape), *_attention(shape, i), *(_experts(shape) if shape.mixture(i) else _dense(shape)))
        for name, *dimensions in parts:
            yield Tensor(f"blk.{i}.{name}", tuple(dimensions))


def _norms(shape: Shape) -> Iterator[_Part]:
    names = ["attn_norm", "post_attention_norm" if shape.architecture == "gpt-oss" else "ffn_norm"]
    names += ["post_attention_norm", "post_ffw_norm"] if shape.architecture in POST_NORMS else []
    for name in names:
        yield f"{name}.weight", shape.width
    if shape.architecture in QK_NORMS:
        yield "attn_q_norm.weight", shape.key_size
        yield "attn_k_norm.weight", shape.key_size


def _attention(shape: Shape, layer: int) -> Iterator[_Part]:
    if shape.kv_rank:
        yield from _latent(shape)
        return
    query, key = shape.heads * shape.key_size, shape.kv_heads[layer] * shape.key_size
    value = shape.kv_heads[layer] * shape.value_size
    for part, size in (("attn_q", query), ("attn_k", key), ("attn_v", value)):
        yield f"{part}.weight", shape.width, size
        if shape.architecture in QKV_BIASES:
            yield f"{part}.bias", size
    yield "attn_output.weight", shape.heads * shape.value_size, shape.width
    if shape.architecture == "gpt-oss":
        yield "attn_output.bias", shape.width
        yield "attn_sinks.weight", shape.heads


def _latent(shape: Shape) -> Iterator[_Part]:
    """Multi-head latent attention without a compressed query ("lite")."""
    key, value = head_sizes(shape)
    yield "attn_q.weight", shape.width, shape.heads * key
    yield "attn_kv_a_mqa.weight", shape.width, shape.kv_rank + shape.rope_size
    yield "attn_kv_a_norm.weight", shape.kv_rank
    if shape.latent_cache:
        yield "attn_k_b.weight", key - shape.rope_size, shape.kv_rank, shape.heads
        yield "attn_v_b.weight", shape.kv_rank, value, shape.heads
    else:
        yield "attn_kv_b.weight", shape.kv_rank, shape.heads * (key - shape.rope_size + value)
    yield "attn_output.weight", shape.heads * value, shape.width


def head_sizes(shape: Shape) -> tuple[int, int]:
    """Elements of one head's key and value inside the layer, which a latent cache does not show."""
    # Every published model of this kind has 128 of each, and the position's part beside the key's.
    return (128 + shape.rope_size, 128) if shape.latent_cache else (shape.key_size, shape.value_size)


def _dense(shape: Shape) -> Iterator[_Part]:
    yield "ffn_gate.weight", shape.width, shape.feed
    yield "ffn_up.weight", shape.width, shape.feed
    yield "ffn_down.weight", shape.feed, shape.width


def _experts(shape: Shape) -> Iterator[_Part]:
    biased = shape.architecture == "gpt-oss"
    yield "ffn_gate_inp.weight", shape.width, shape.experts
    if biased:
        yield "ffn_gate_inp.bias", shape.experts
    for part in ("gate", "up"):
        yield f"ffn_{part}_exps.weight", shape.width, shape.expert_feed, shape.experts
        if biased:
            yield f"ffn_{part}_exps.bias", shape.expert_feed, shape.experts
    yield "ffn_down_exps.weight", shape.expert_feed, shape.width, shape.experts
    if biased:
        yield "ffn_down_exps.bias", shape.width, shape.experts
    if shape.shared_feed:
        yield "ffn_gate_shexp.weight", shape.width, shape.shared_feed
        yield "ffn_up_shexp.weight", shape.width, shape.shared_feed
        yield "ffn_down_shexp.weight", shape.shared_feed, shape.width
