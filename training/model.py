"""A Llama-architecture decoder in plain PyTorch, laid out as llama.cpp expects it.

RMSNorm, SwiGLU, tied embeddings, rotary embeddings over interleaved pairs (2i, 2i+1): that is what llama.cpp's
``llama`` architecture computes, so the weights are exported without a permutation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Config:
    """Shape of the model."""

    vocabulary: int = 2048
    width: int = 192
    layers: int = 8
    heads: int = 6
    hidden: int = 512
    context: int = 1024
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


class Block(nn.Module):
    def __init__(self, c: Config) -> None:
        super().__init__()
        self.heads = c.heads
        self.attn_norm = RMSNorm(c.width, c.norm_eps)
        # Apart, not one matrix: Muon makes the update of a matrix orthogonal as a whole, and the gradients of the
        # values would drown those of queries and keys.
        self.attn_q = nn.Linear(c.width, c.width, bias=False)
        self.attn_k = nn.Linear(c.width, c.width, bias=False)
        self.attn_v = nn.Linear(c.width, c.width, bias=False)
        self.attn_output = nn.Linear(c.width, c.width, bias=False)
        self.ffn_norm = RMSNorm(c.width, c.norm_eps)
        self.ffn_gate = nn.Linear(c.width, c.hidden, bias=False)
        self.ffn_up = nn.Linear(c.width, c.hidden, bias=False)
        self.ffn_down = nn.Linear(c.hidden, c.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        b, t, w = x.shape
        h = self.attn_norm(x)
        q, k, v = (
            project(h).view(b, t, self.heads, w // self.heads).transpose(1, 2)
            for project in (self.attn_q, self.attn_k, self.attn_v)
        )
        y = attention(rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype), v)
        x = x + self.attn_output(y.transpose(1, 2).reshape(b, t, w))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


def attention(q: Tensor, k: Tensor, v: Tensor, parts: int = 4) -> Tensor:
    """Causal attention, (batch, heads, time, head width) each.

    On a CPU the queries go in ``parts``, each against the keys up to its end: that takes less than half of the time of
    PyTorch's fused kernel there (2.13, bf16, heads of 32).
    """
    b, h, t, w = q.shape
    if q.device.type != "cpu" or t % parts:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    q, k, v = (x.reshape(b * h, t, w) for x in (q * w**-0.5, k, v))
    later = torch.full((t, t), float("-inf"), dtype=q.dtype).triu(1)
    found: list[Tensor] = []
    with torch.autocast("cpu", enabled=False):
        for start in range(0, t, t // parts):
            end = start + t // parts
            scores = torch.bmm(q[:, start:end], k[:, :end].transpose(1, 2)) + later[start:end, :end]
            found.append(torch.bmm(torch.softmax(scores, -1), v[:, :end]))
    return torch.cat(found, 1).view(b, h, t, w)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of interleaved pairs. ``x``: (batch, heads, time, head width)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Model(nn.Module):
    """Token ids (batch, time) to hidden states; ``loss`` and ``logits`` from those."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_eps)
        half = config.width // config.heads // 2
        freqs = config.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.outer(torch.arange(config.context, dtype=torch.float32), freqs)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.apply(self._init)
        for block in self.blocks:
            for layer in (block.attn_output, block.ffn_down):
                nn.init.normal_(layer.weight, std=0.02 / (2 * config.layers) ** 0.5)

    @staticmethod
    def _init(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        t = ids.shape[1]
        cos, sin = self.cos[:t].to(x.dtype), self.sin[:t].to(x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.norm(x)

    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Mean cross-entropy of the tokens that ``mask`` (batch, time) marks, each predicted from those before it."""
        hidden, following = self(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
        # Only the marked positions go through the output matrix: the vocabulary is a good part of the compute.
        # Their number is rounded up with positions that do not count, for the sake of few shapes.
        places = mask[:, 1:].flatten().nonzero().squeeze(1)
        padding = places.new_zeros(-len(places) % 256)
        wanted = torch.cat((following[places], torch.full_like(padding, -100)))
        logits = F.linear(hidden[torch.cat((places, padding))], self.embed.weight)
        return F.cross_entropy(logits.float(), wanted)
