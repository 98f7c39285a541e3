"""Which tensor gets which type in a quantization that has a name: ``Q4_K_M`` and its like mix several.

The rules are those of llama.cpp's quantizer (``src/llama-quant.cpp``); they decide a file's size to the byte.
Quantizers of other projects have mixtures of their own under the same names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from atlas.engine.gguf_types import TENSOR_TYPES, TYPE_IDS
from atlas.engine.shape import Shape
from atlas.engine.tensors import Tensor, tensors

_PLAIN = ("F32", "F16", "BF16")
_BASE = {
    "F32": "F32",
    "F16": "F16",
    "BF16": "BF16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q5_1": "Q5_1",
    "Q5_0": "Q5_0",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_1": "Q4_1",
    "Q4_0": "Q4_0",
    "IQ4_NL": "IQ4_NL",
    "IQ4_XS": "IQ4_XS",
    "Q3_K_L": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_S": "Q3_K",
    "IQ3_M": "IQ3_S",
    "IQ3_S": "IQ3_S",
    "IQ3_XS": "IQ3_S",
    "IQ3_XXS": "IQ3_XXS",
    "Q2_K": "Q2_K",
    "Q2_K_S": "Q2_K",
    "IQ2_M": "IQ2_S",
    "IQ2_S": "IQ2_XS",
    "IQ2_XS": "IQ2_XS",
    "IQ2_XXS": "IQ2_XXS",
    "IQ1_M": "IQ1_M",
    "IQ1_S": "IQ1_S",
    "MXFP4": "MXFP4",
}
NAMES = tuple(_BASE)
"""Every type and mixture that is known, the k-quants and i-quants from the finest to the coarsest."""
QUANTIZATIONS = tuple("F16 BF16 Q8_0 Q6_K Q5_K_M Q5_K_S Q4_K_M Q4_K_S Q4_0 Q3_K_M Q2_K MXFP4".split())
"""Those that models are published in, from the finest to the coarsest; MXFP4 is of mixture models only, whose
experts alone are coarse."""

_VERY_LOW = {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"}
_SMALLER_BLOCKS = {
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    **dict.fromkeys(("Q2_K", "Q3_K"), "Q4_0"),
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
"""What stands in for a type where a row is no multiple of its block."""
_EMBEDDING = {
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS"), "Q2_K"),
    **dict.fromkeys(("IQ2_S", "IQ2_M", "IQ3_XXS"), "IQ3_S"),
}
_QUERY = {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}
_OUTPUT = {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_XXS": "IQ3_S", "IQ3_M": "Q4_K"}
_OUTPUT_VERY_LOW = {"IQ1_S": "IQ2_XXS", "IQ1_M": "IQ2_XXS", "IQ2_S": "IQ3_S", "IQ2_M": "IQ3_S"}
_OUTPUT_OF_EIGHT = set("Q2_K Q3_K_S Q3_K_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS Q4_K_S Q4_K_M".split())
"""Mixtures in which a model of eight experts has Q5_K for the attention's output."""
_FEW_HEADS = {"Q2_K": "Q4_K", "Q2_K_S": "Q4_K", "IQ4_NL": "Q5_K", "IQ4_XS": "Q5_K"} | dict.fromkeys(
    ("IQ3_XXS", "IQ3_XS", "IQ3_S"), "Q4_K"
)
"""The value projection's type where four or more heads share a value."""
_NEEDS_IMPORTANCE = {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS"}

_VALUES = ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")
_EMBEDDINGS = ("token_embd.weight", "per_layer_token_embd.weight")
_KEPT = re.compile(
    r"_norm\.weight|ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight|altup|laurel|per_layer_model_proj|ssm_conv1d|"
    r"shortconv\.conv\.weight|indexer\.[kq]_proj\.weight|attn_rel_b\.weight|^(?:position_embd|token_types)\.weight|"
    r"time_mix_(?:first|w[012]|v[012]|a[012]|g[12]|decay_w[12]|lerp_fused)\.weight|"
    r"\.position_embd|sam\.(?:pos_embd|neck\.|net_)|\.rel_pos|\.patch_(?:embd|merger)|rvq\.codebook|mm\.a\.code_embd"
)
"""Tensors that stay as they are: norms, routers, and others that are small or fragile."""
_LAYER = re.compile(r"blk\.(\d{1,6})\.")
_LAYERS_70B = 80
OWN_RULES = {"falcon", "glm5-next", "bailingmoe3"}
"""Architectures for which llama.cpp's quantizer has rules of their own, which are not here."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the rules ask of a model beside its tensors' names and sizes."""

    architecture: str
    layers: int
    heads_per_value: int
    """Query heads that share a key and a value."""
    experts: int = 0

    @property
    def is_70b(self) -> bool:
        """Whether it is the size at which eight heads share a value, so that a finer one costs next to nothing."""
        shared = self.architecture != "llama" or self.heads_per_value > 1
        return self.layers == _LAYERS_70B and self.architecture in ("llama", "qwen2", "deci", "olmo") and shared


def layout_of(shape: Shape) -> Layout:
    """What the rules ask of a model of that shape."""
    heads_per_value = shape.heads // shape.kv_heads[0] if shape.kv_heads[0] else 0
    return Layout(shape.architecture, shape.layers, heads_per_value, shape.experts)


def types(shape: Shape, quantization: str) -> Iterator[tuple[Tensor, str]]:
    """Each tensor with the name of its type, in the order of a converter's file; without an importance matrix."""
    found = tensors(shape)
    kinds = assign(found, layout_of(shape), quantization)
    for tensor in found:
        yield tensor, kinds.get(tensor.name, "F32")


def tensor_bytes(tensor: Tensor, kind: str) -> int:
    """Bytes of a tensor of that type."""
    elements, size = TENSOR_TYPES[TYPE_IDS[kind]]
    return tensor.elements // elements * size


def weight_bytes(shape: Shape, quantization: str) -> int:
    """Bytes of all weights."""
    return sum(tensor_bytes(tensor, kind) for tensor, kind in types(shape, quantization))


def assign(
    tensors: Iterable[Tensor], layout: Layout, quantization: str, *, importance: bool = False
) -> Mapping[str, str]:
    """The type of each tensor that is quantized, by name, in the order in which llama.cpp writes them.

    Args:
        tensors: all of the file.
        layout: of the model.
        quantization: one of ``NAMES``.
        importance: whether there is an importance matrix, with which some mixtures are coarser.
    """
    ordered = sorted(tensors, key=lambda tensor: written_order(tensor.name))
    values = sum(tensor.name.endswith(_VALUES) for tensor in ordered)
    tied = not any(tensor.name == "output.weight" for tensor in ordered)
    rules = _Rules(quantization, layout, values, tied, importance, dict.fromkeys(("value", "down", "gate", "up"), 0))
    return {tensor.name: _fitting(tensor, rules.kind(tensor)) for tensor in ordered if quantizable(tensor)}


def written_order(name: str) -> tuple[int, bytes]:
    """Sorts tensors as llama.cpp writes them: those of no layer first, then layer by layer, each by name."""
    layer = _LAYER.match(name)
    return (int(layer[1]) if layer else -1), name.encode()


def quantizable(tensor: Tensor) -> bool:
    """Whether a tensor's type is the mixture's to choose."""
    matrix = any(size > 1 for size in tensor.dimensions[1:])
    return matrix and tensor.name.endswith("weight") and not _KEPT.search(tensor.name)


def needs_importance(name: str, kind: str, quantization: str) -> bool:
    """Whether a tensor of that type is garbage without an importance matrix."""
    if name in (*_EMBEDDINGS, "output.weight"):
        return False
    return kind in _NEEDS_IMPORTANCE or (kind == "Q2_K" and quantization == "Q2_K_S")


def _more_bits(layer: int, layers: int) -> bool:
    """The first and last eighth, and every third layer between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


@dataclass(frozen=True, slots=True)
class _Rules:
    """One mixture for one model. ``seen`` counts tensors of a kind in the order of the file."""

    name: str
    layout: Layout
    values: int
    tied: bool
    importance: bool
    seen: dict[str, int]

    def kind(self, tensor: Tensor) -> str:
        """The type that the mixture wants for the next tensor, whatever its rows' length."""
        name, base = tensor.name, _BASE[self.name]
        if base in _PLAIN:
            return base
        if name == "output.weight" or (self.tied and name in _EMBEDDINGS):
            return self._last(tensor)
        if self.name == "MXFP4":
            return "MXFP4" if len(tensor.dimensions) == 3 and tensor.dimensions[2] > 1 else "Q8_0"
        return _EMBEDDING.get(self.name, base) if name in _EMBEDDINGS else self._within_layer(name)

    def _within_layer(self, name: str) -> str:
        if name.endswith(_VALUES):
            return self._value(self._next("value"))
        if name.endswith("attn_k.weight"):
            return self._key()
        if name.endswith("attn_output.weight"):
            return self._attention_output()
        part = next((part for part in ("down", "gate", "up") if f"ffn_{part}" in name), None)
        if part is not None:
            return self._feed(part, name)
        base = _BASE[self.name]
        return _QUERY.get(self.name, base) if name.endswith("attn_q.weight") else base

    def _next(self, part: str) -> int:
        self.seen[part] += 1
        return self.seen[part] - 1

    def _last(self, tensor: Tensor) -> str:
        base = _BASE[self.name]
        if self.name == "MXFP4" or tensor.dimensions[0] % TENSOR_TYPES[TYPE_IDS[base]][0]:
            return "Q8_0"
        if self.name in _VERY_LOW or self.name == "IQ3_XXS":
            return "Q5_K"
        return "Q8_0" if base == "Q8_0" else "Q6_K"

    def _value(self, index: int) -> str:
        shared, eight = self.layout.heads_per_value >= 4, self.layout.experts == 8
        if self.name in _VERY_LOW:
            if shared or self.layout.experts >= 4:
                return "Q4_K"
            return "IQ3_S" if self.name in ("IQ2_S", "IQ2_M") else "Q2_K"
        if eight:
            return "Q8_0"
        kind = _FEW_HEADS[self.name] if shared and self.name in _FEW_HEADS else self._own_value(index)
        return "Q5_K" if self.layout.is_70b and kind in ("Q3_K", "Q4_K") else kind

    def _own_value(self, index: int) -> str:
        base = _BASE[self.name]
        if self.name in ("Q4_K_M", "Q5_K_M"):
            return "Q6_K" if _more_bits(index, self.values) else base
        if self.name == "IQ3_XXS" and not self.importance:
            return "IQ3_S"
        first = {"Q3_K_M": 2, "Q4_K_S": 4}.get(self.name, 0)
        return (
            "Q5_K"
            if index < first
            else {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}.get(self.name, base)
        )

    def _key(self) -> str:
        if self.layout.experts == 8:
            return "Q4_K" if self.name in _VERY_LOW else "Q8_0"
        return _QUERY.get(self.name, _BASE[self.name])

    def _attention_output(self) -> str:
        base = _BASE[self.name]
        if self.layout.experts == 8:
            return "Q5_K" if self.name in _VERY_LOW | _OUTPUT_OF_EIGHT else base
        return (_OUTPUT_VERY_LOW if self.name in _VERY_LOW else _OUTPUT).get(self.name, base)

    def _feed(self, part: str, name: str) -> str:
        index, layers, base = self._next(part), self.layout.layers, _BASE[self.name]
        if part == "down" and self.name in _VERY_LOW:
            low = "IQ3_S" if self.name in ("IQ2_S", "IQ2_M") else "Q2_K"
            return low if index < layers // 8 else base
        # A layer of experts may have several such tensors: only its name tells which layer it is.
        numbered = _LAYER.match(name)
        layer = int(numbered[1]) if self.layout.experts > 1 and numbered else index
        if part == "down":
            return self._down(layer)
        return "IQ3_XXS" if self.name == "IQ3_XS" and layers // 8 <= layer < 7 * layers // 8 else base

    def _down(self, layer: int) -> str:
        base, layers = _BASE[self.name], self.layout.layers
        early = layer < layers // 8
        if self.name in ("Q4_K_M", "Q5_K_M"):
            return "Q6_K" if _more_bits(layer, layers) else base
        if self.name == "Q3_K_M":
            return "Q5_K" if layer < layers // 16 else "Q4_K"
        if self.name == "IQ3_M":
            return "Q4_K" if early or (self.layout.experts == 8 and _more_bits(layer, layers)) else base
        if self.name == "IQ3_XXS" and not self.importance:
            return "Q4_K" if early else "Q3_K"
        if self.name in ("Q2_K", "Q3_K_L"):
            return {"Q2_K": "Q3_K", "Q3_K_L": "Q5_K"}[self.name]
        with_importance = {"Q4_0": "Q4_1", "Q5_0": "Q5_1"}
        without = {"IQ4_NL": "Q5_K", "IQ4_XS": "Q5_K"}
        changed = {"Q4_K_S": "Q5_K", "Q2_K_S": "Q4_K"} | (with_importance if self.importance else without)
        return changed.get(self.name, base) if early else base


def _fitting(tensor: Tensor, kind: str) -> str:
    row = tensor.dimensions[0]
    if row % TENSOR_TYPES[TYPE_IDS[kind]][0]:
        kind = _SMALLER_BLOCKS.get(kind, kind)
    return "F16" if row % TENSOR_TYPES[TYPE_IDS[kind]][0] else kind
