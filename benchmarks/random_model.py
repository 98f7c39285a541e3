"""Write a GGUF file of a given shape and quantization with random weights: a real model for a real engine.

It says nothing sensible, but llama.cpp loads it, and allocates for it, as for a trained one of that shape.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import gguf
import numpy as np

from atlas.engine.gguf_types import FILE_TYPES, TENSOR_TYPES, TYPE_IDS
from atlas.engine.recipe import tensor_bytes, types
from atlas.engine.shape import Shape
from atlas.engine.tensors import head_sizes

_BLOCK = 1 << 18
"""Weights that are drawn and quantized; a tensor repeats them, so that a gigabyte is written in seconds."""


def write(path: Path, shape: Shape, quantization: str, *, hollow: bool = False) -> Path:
    """Write the file; ``path`` again. With ``hollow`` the weights are a hole, which takes no room on the disk."""
    writer = gguf.GGUFWriter(path, shape.architecture)
    _sizes(writer, shape)
    if quantization in FILE_TYPES.values():
        writer.add_file_type(next(number for number, name in FILE_TYPES.items() if name == quantization))
    _tokenizer(writer, shape.vocabulary)
    plan = list(types(shape, quantization))
    for tensor, kind in plan:
        dimensions, size = tensor.dimensions[::-1], tensor_bytes(tensor, kind)
        number = gguf.GGMLQuantizationType(TYPE_IDS[kind])
        elements, block = TENSOR_TYPES[number]
        stored = (*dimensions[:-1], dimensions[-1] // elements * block) if elements > 1 else dimensions
        kind_of = np.uint8 if elements > 1 else np.float32 if kind == "F32" else np.float16
        writer.add_tensor_info(tensor.name, stored, np.dtype(kind_of), size, raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("ab") as file:
        for tensor, kind in plan:
            file.write(bytes(-file.tell() % 32))
            if hollow:
                file.truncate(file.tell() + tensor_bytes(tensor, kind))
                file.seek(0, os.SEEK_END)
            else:
                _fill(file, tensor_bytes(tensor, kind), kind)
    return path


def _fill(file: BinaryIO, size: int, kind: str) -> None:
    data = _random(kind)
    while size:
        size -= file.write(data[:size])


@cache
def _random(kind: str) -> bytes:
    """Quantized weights, a whole number of blocks."""
    weights = np.random.default_rng(1).normal(0, 0.02, _BLOCK).astype(np.float32)
    if kind == "F32":
        return weights.tobytes()
    if kind == "F16":
        return weights.astype(np.float16).tobytes()
    number = TYPE_IDS[kind]
    elements, size = TENSOR_TYPES[number]
    out = ctypes.create_string_buffer(_BLOCK // elements * size)
    # The engine's own quantizer; its signature is part of ggml's public header.
    library = ctypes.CDLL(import_module("xllamacpp.xllamacpp").__file__)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [
        *(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
        *(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p),
    ]
    library.ggml_quantize_chunk(number, weights.ctypes.data, out, 0, _BLOCK // 1024, 1024, None)
    return out.raw


def _sizes(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name("random")
    writer.add_context_length(shape.context)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads[0])
    writer.add_key_length(shape.key_size)
    writer.add_value_length(shape.value_size)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(shape.rope_size or shape.key_size)
    writer.add_vocab_size(shape.vocabulary)
    if shape.window:
        writer.add_sliding_window(shape.window)
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.experts_used)
        writer.add_expert_feed_forward_length(shape.expert_feed)
        writer.add_leading_dense_block_count(shape.dense_lead)
    if shape.shared_feed:
        writer.add_expert_shared_count(shape.shared_feed // shape.expert_feed)
    if shape.kv_rank:
        writer.add_kv_lora_rank(shape.kv_rank)
    if shape.latent_cache:
        key, value = head_sizes(shape)
        writer.add_key_length_mla(key)
        writer.add_value_length_mla(value)


def _tokenizer(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    """Byte-level tokens and padding: a vocabulary of the right size."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(256, 512))
    tokens = [chr(b) if b in shown else chr(next(hidden)) for b in range(256)]
    tokens += ["<|end|>", *(f"<{i}>" for i in range(vocabulary - 257))]
    kinds = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] + [gguf.TokenType.UNUSED] * (vocabulary - 257)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["t h", "i n"])
    writer.add_eos_token_id(256)
    writer.add_add_bos_token(False)
