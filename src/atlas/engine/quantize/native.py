"""llama.cpp's block quantizer, which the embedded engine's library exports (``ggml.h``), on numpy arrays.

The wheel leaves out ``llama_model_quantize``, which does a whole file, so the file is done here, block by block.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas.engine.gguf_types import TENSOR_TYPES, TYPE_IDS, TYPE_NAMES
from atlas.errors import EngineError, UsageError

Floats = NDArray[np.float32]

_READ_HERE = {"F32", "F16", "BF16"}


@cache
def _library() -> ctypes.CDLL:
    """The engine's library with the signatures that are used.

    Raises:
        EngineError: it cannot be loaded, or exports no quantizer.
    """
    try:
        library = ctypes.CDLL(str(import_module("xllamacpp.xllamacpp").__file__))
        library.ggml_quantize_chunk.restype = ctypes.c_size_t
        library.ggml_quantize_chunk.argtypes = [
            *(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
            *(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p),
        ]
        library.ggml_validate_row_data.restype = ctypes.c_bool
        library.ggml_validate_row_data.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
        library.ggml_version.restype = ctypes.c_char_p
    except (ImportError, OSError, AttributeError) as e:
        raise EngineError(f"The embedded engine's quantizer cannot be used ({e}): `atlas doctor` says why.") from None
    return library


def version() -> str:
    """Of the library that quantizes (ggml)."""
    return str(_library().ggml_version().decode())


def quantize(kind: str, rows: Floats, importance: Floats | None = None) -> bytes:
    """Blocks of type ``kind``.

    Args:
        kind: a name of ``gguf_types``.
        rows: weights, (rows, row length); finite, or the library would abort.
        importance: how much each column matters, (row length,); None weighs all alike.

    Raises:
        EngineError: the library made blocks that it does not accept itself.
    """
    count, length = rows.shape
    elements, size = TENSOR_TYPES[TYPE_IDS[kind]]
    rows = np.ascontiguousarray(rows, np.float32)
    out = ctypes.create_string_buffer(rows.size // elements * size)
    weights = None if importance is None else np.ascontiguousarray(importance, np.float32)
    pointer = None if weights is None else weights.ctypes.data
    number = TYPE_IDS[kind]
    written = _library().ggml_quantize_chunk(number, rows.ctypes.data, out, 0, count, length, pointer)
    if written != len(out) or not _library().ggml_validate_row_data(number, out, written):
        raise EngineError(f"The engine's quantizer failed for {kind}: try another --type.")
    return out.raw


def dequantize(kind: int, data: bytes) -> Floats:
    """The weights of whole blocks, (weights,).

    Args:
        kind: a type's number, as a file has it.
        data: the blocks.

    Raises:
        UsageError: no way is known to read that type.
    """
    name = TYPE_NAMES.get(kind, "")
    if name in _READ_HERE:
        return _plain(name, data)
    elements, size = TENSOR_TYPES.get(kind, (0, 1))
    out = np.empty(len(data) // size * elements, np.float32)
    # The library's own names: Q4_K's function is dequantize_row_q4_K.
    stem = name.lower().removesuffix("_k") + ("_K" if name.endswith("_K") else "")
    convert: Any = getattr(_library(), f"dequantize_row_{stem}", None)
    if not elements or convert is None:
        raise UsageError(f"Weights of type {name or kind} cannot be read here: give a file in F32, F16 or BF16.")
    convert.restype, convert.argtypes = None, [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64]
    convert(data, out.ctypes.data, out.size)
    return out


def _plain(name: str, data: bytes) -> Floats:
    if name == "F32":
        return np.frombuffer(data, np.float32)
    if name == "F16":
        return np.frombuffer(data, np.float16).astype(np.float32)
    return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
