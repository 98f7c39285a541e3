"""Where a model's weights weigh: by layer, and apart for what can lie elsewhere than the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from atlas.engine.gguf_model import GGUFModel
from atlas.engine.recipe import tensor_bytes, types
from atlas.engine.shape import Shape

_LAYER = re.compile(r"blk\.(\d{1,5})\.")


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes by place, and how many weights they are."""

    embedding: int
    """The token embedding: looked up, not multiplied, so it stays in main memory."""
    output: int
    """What is used behind the last layer; a copy of the embedding where that is the output projection, too."""
    layers: tuple[int, ...]
    """Everything of each layer, its experts included."""
    experts: tuple[int, ...]
    """The experts of each layer alone."""
    tied: bool
    dense_count: int
    """Weights that every token is multiplied with."""
    expert_count: int

    @property
    def total(self) -> int:
        """Bytes of all tensors, each once."""
        return self.embedding + self.output + sum(self.layers) - (self.embedding if self.tied else 0)


@lru_cache(maxsize=256)
def from_recipe(shape: Shape, quantization: str) -> Weights:
    """As llama.cpp's quantizer makes them."""
    return _sum(
        shape,
        ((tensor.name, tensor.elements, tensor_bytes(tensor, kind)) for tensor, kind in types(shape, quantization)),
    )


def from_file(model: GGUFModel) -> Weights:
    """As a file's header lists them."""
    return _sum(model.shape, ((name, record.elements, record.size_bytes) for name, record in model.tensors.items()))


def _sum(shape: Shape, tensors: Iterable[tuple[str, int, int]]) -> Weights:
    layers, experts = [0] * shape.layers, [0] * shape.layers
    embedding = output = dense = expert = 0
    for name, elements, size in tensors:
        found = _LAYER.match(name)
        if found and int(found[1]) >= shape.layers:
            continue  # a layer that guesses ahead; it is left out unless asked for
        routed = "_exps." in name
        if found:
            layers[int(found[1])] += size
            experts[int(found[1])] += size if routed else 0
        elif name == "token_embd.weight":
            embedding += size
            dense += elements if shape.tied else 0
            output += size if shape.tied else 0
            continue
        else:
            output += size
        dense += 0 if routed else elements
        expert += elements if routed else 0
    return Weights(embedding, output, tuple(layers), tuple(experts), shape.tied, dense, expert)
