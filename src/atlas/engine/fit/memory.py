"""Memory that llama.cpp takes for a model, one function a term. Everything is bytes and exact to the file's shape.

Checked against what llama.cpp reports in its log by ``benchmarks/fit_accuracy.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from atlas.engine.fit.arena import reserved
from atlas.engine.fit.layers import Batch, build
from atlas.engine.gguf_types import TENSOR_TYPES, TYPE_IDS
from atlas.engine.recipe import weight_bytes
from atlas.engine.shape import Shape

KV_TYPES = ("f16", "q8_0", "q4_0")
"""From the finest to the coarsest."""
_F32, _F16 = 4, 2
_PIPELINED = 4
"""Batches that are under way on several cards (``GGML_SCHED_MAX_COPIES``)."""
_CELL_STEP = 256
"""Cells by which a cache grows (``GGML_PAD`` in ``llama-context.cpp`` and ``llama-kv-cache-iswa.cpp``)."""
_ROTATED = 64
"""Keys and values of a quantized cache are rotated where their size is a multiple of this."""
_DISTINCT = 8
"""Layers after which a graph repeats itself: each finds the places free that the one of its kind before it did."""
ALIGNMENT = 64
"""Bytes to which a place in a CPU buffer is rounded; a GPU's 128 makes no difference that shows."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is served: ``slots`` requests at a time with ``context`` tokens each."""

    context: int
    slots: int = 1
    key_type: str = "f16"
    value_type: str = "f16"
    drafted: int = 0
    """Tokens that a draft model guesses at a time; all of them are checked in one batch."""
    batch: int = 2048
    """Most tokens that are handed over at a time."""
    micro_batch: int = 512
    """Most tokens that are computed at a time."""

    @property
    def cells(self) -> int:
        """Cells of each slot's cache."""
        total = _padded(self.slots * self.context)
        return _padded(total // self.slots)

    @property
    def rows(self) -> int:
        """Tokens of the largest computed batch, a multiple of the slots."""
        tokens = min(self.slots * self.cells, self.batch, self.micro_batch)
        return -(-tokens // self.slots) * self.slots


@dataclass(frozen=True, slots=True)
class Memory:
    """What one model takes, in bytes."""

    weights: int
    cache: int
    compute: int
    outputs: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.compute + self.outputs


def memory(shape: Shape, quantization: str, serving: Serving) -> Memory:
    """All terms of a model in main memory, its weights as llama.cpp's quantizer makes them."""
    return Memory(
        weight_bytes(shape, quantization),
        cache_bytes(shape, serving),
        compute_bytes(shape, serving),
        output_bytes(shape, serving),
    )


def kv_bytes_per_token(shape: Shape, key_type: str = "f16", value_type: str = "f16") -> int:
    """Bytes that one token takes in the cache of every layer, windowed layers included."""
    return sum(_cell_bytes(shape, layer, key_type, value_type) for layer in range(shape.layers))


def cache_bytes(shape: Shape, serving: Serving) -> int:
    """Bytes of the key-value cache of all layers and slots."""
    return sum(cache_bytes_of_layer(shape, layer, serving) for layer in range(shape.layers))


def cache_bytes_of_layer(shape: Shape, layer: int, serving: Serving) -> int:
    """Bytes of one layer's cache, all slots; a windowed layer keeps its window and one batch."""
    cells = window_cells(shape, serving) if shape.sees_window(layer) else serving.cells
    return serving.slots * cells * _cell_bytes(shape, layer, serving.key_type, serving.value_type)


def window_cells(shape: Shape, serving: Serving) -> int:
    """Cells of each slot's cache in a layer that sees a window."""
    return _padded(min(serving.cells, shape.window + min(serving.batch, serving.micro_batch)))


def compute_bytes(shape: Shape, serving: Serving) -> int:
    """Bytes of the buffer for activations, masks and logits of the largest batch."""
    outputs = max(serving.slots, min(serving.batch, serving.slots * (1 + serving.drafted)))
    rotates = not shape.latent_cache  # a latent cache is kept as it is
    batch = Batch(
        tokens=serving.rows,
        outputs=min(serving.rows, outputs),
        cells=serving.cells,
        window_cells=window_cells(shape, serving),
        rotates_keys=rotates and serving.key_type != "f16" and not shape.key_size % _ROTATED,
        rotates_values=rotates and serving.value_type != "f16" and not shape.value_size % _ROTATED,
    )
    return _compute_bytes(shape, batch)


def pipeline_bytes(shape: Shape, serving: Serving) -> int:
    """Bytes more on each of several cards, which work on different batches at the same time: copies of the inputs."""
    masks = serving.cells + (window_cells(shape, serving) if any(shape.windowed) else 0)
    return (_PIPELINED - 1) * serving.rows * (masks * _F16 + shape.width * _F32)


def output_bytes(shape: Shape, serving: Serving) -> int:
    """Bytes of host memory for one row of logits a slot."""
    return serving.slots * shape.vocabulary * _F32


def accepts(shape: Shape, key_type: str, value_type: str) -> bool:
    """Whether heads are a multiple of the types' blocks, without which llama.cpp refuses a cache type."""
    sizes = ((shape.key_size, key_type), (shape.value_size, value_type))
    return all(size % TENSOR_TYPES[TYPE_IDS[kind.upper()]][0] == 0 for size, kind in sizes)


def _cell_bytes(shape: Shape, layer: int, key_type: str, value_type: str) -> int:
    heads = shape.kv_heads[layer]
    if shape.latent_cache:
        return _row_bytes(heads * shape.key_size, key_type)  # the value is a part of the key
    return _row_bytes(heads * shape.key_size, key_type) + _row_bytes(heads * shape.value_size, value_type)


def _row_bytes(elements: int, kind: str) -> int:
    block, size = TENSOR_TYPES[TYPE_IDS[kind.upper()]]
    return elements // block * size


def _padded(cells: int) -> int:
    return -(-cells // _CELL_STEP) * _CELL_STEP


def _compute_bytes(shape: Shape, batch: Batch) -> int:
    layers = min(shape.layers, _DISTINCT)
    few = replace(shape, layers=layers, kv_heads=shape.kv_heads[:layers], windowed=shape.windowed[:layers])
    return _reserved(few, batch)


@lru_cache(maxsize=1024)
def _reserved(shape: Shape, batch: Batch) -> int:
    return reserved(build(shape, batch), ALIGNMENT)
