"""Which tensor gets which type in a quantization that has a name: ``Q4_K_M`` and its like mix several.

The rules are those of llama.cpp's quantizer without an importance matrix (``src/llama-quant.cpp``); they decide
a file's size to the byte. Quantizers of other projects have mixtures of their own under the same names.
"""

from __future__ import annotations

from collections.abc import Iterator

from atlas.engine.gguf_types import TENSOR_TYPES, TYPE_IDS
from atlas.engine.shape import Shape
from atlas.engine.tensors import Tensor, tensors

_BASE = {
    "F16": "F16",
    "BF16": "BF16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_0": "Q4_0",
    "Q3_K_M": "Q3_K",
    "Q2_K": "Q2_K",
    "MXFP4": "Q8_0",
}
QUANTIZATIONS = tuple(_BASE)
"""From the finest to the coarsest; MXFP4 is of mixture models only, whose experts alone are coarse."""

_SMALLER_BLOCKS = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""What stands in for a type where a row is no multiple of its block."""
_LAYERS_70B = 80
_KEPT = ("_norm.weight", "ffn_gate_inp.weight")


def types(shape: Shape, quantization: str) -> Iterator[tuple[Tensor, str]]:
    """Each tensor with the name of its type, in the order of the file."""
    base = _BASE[quantization]
    values = 0  # the rule counts the value projections in the order of the file
    for tensor in tensors(shape):
        name, layer = tensor.name.rpartition("blk.")[2], 0
        if name != tensor.name:
            layer = int(name.partition(".")[0])
        if len(tensor.dimensions) < 2 or not name.endswith("weight") or name.endswith(_KEPT):
            yield tensor, "F32"
            continue
        kind = base
        if base not in ("F16", "BF16"):
            kind = _fitting(tensor, _mixed(shape, quantization, tensor, layer, values))
        values += name.endswith(("attn_v.weight", "attn_kv_b.weight"))
        yield tensor, kind


def tensor_bytes(tensor: Tensor, kind: str) -> int:
    """Bytes of a tensor of that type."""
    elements, size = TENSOR_TYPES[TYPE_IDS[kind]]
    return tensor.elements // elements * size


def weight_bytes(shape: Shape, quantization: str) -> int:
    """Bytes of all weights."""
    return sum(tensor_bytes(tensor, kind) for tensor, kind in types(shape, quantization))


def _more_bits(layer: int, layers: int) -> bool:
    """The first and last eighth, and every third layer between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _mixed(shape: Shape, quantization: str, tensor: Tensor, layer: int, values: int) -> str:
    base, name = _BASE[quantization], tensor.name
    if name == "output.weight" or (shape.tied and name == "token_embd.weight"):
        return "Q8_0" if base == "Q8_0" or tensor.dimensions[0] % 256 else "Q6_K"
    if quantization == "MXFP4":
        return "MXFP4" if len(tensor.dimensions) == 3 and "_exps" in name else "Q8_0"
    if name.endswith(("attn_v.weight", "attn_kv_b.weight")):
        return _value(shape, quantization, values)
    if name.endswith("attn_output.weight"):
        return {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K"}.get(quantization, base)
    if "ffn_down" in name:
        return _down(shape, quantization, layer)
    return base


def _value(shape: Shape, quantization: str, values: int) -> str:
    kind = _value_type(shape, quantization, values)
    # Eight heads of a 70B model share a value: a little more for it costs next to nothing.
    return "Q5_K" if shape.layers == _LAYERS_70B and kind in ("Q3_K", "Q4_K") else kind


def _value_type(shape: Shape, quantization: str, values: int) -> str:
    if quantization in ("Q4_K_M", "Q5_K_M"):
        return "Q6_K" if _more_bits(values, shape.layers) else _BASE[quantization]
    if quantization == "Q3_K_M":
        return "Q5_K" if values < 2 else "Q4_K"
    if quantization == "Q4_K_S":
        return "Q5_K" if values < 4 else "Q4_K"
    if quantization == "Q2_K":
        return "Q4_K" if shape.heads // max(1, shape.kv_heads[0]) >= 4 else "Q3_K"
    return _BASE[quantization]


def _down(shape: Shape, quantization: str, layer: int) -> str:
    if quantization in ("Q4_K_M", "Q5_K_M"):
        return "Q6_K" if _more_bits(layer, shape.layers) else _BASE[quantization]
    if quantization == "Q3_K_M":
        return "Q5_K" if layer < shape.layers // 16 else "Q4_K"
    if quantization == "Q4_K_S":
        return "Q5_K" if layer < shape.layers // 8 else "Q4_K"
    return "Q3_K" if quantization == "Q2_K" else _BASE[quantization]


def _fitting(tensor: Tensor, kind: str) -> str:
    row = tensor.dimensions[0]
    if row % TENSOR_TYPES[TYPE_IDS[kind]][0]:
        kind = _SMALLER_BLOCKS.get(kind, kind)
    return "F16" if row % TENSOR_TYPES[TYPE_IDS[kind]][0] else kind
