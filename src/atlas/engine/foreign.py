"""Models that are no GGUF files: which format a folder holds, and which servers can run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

_LARGEST_CONFIG = 1 << 20
_SERVERS = {
    "awq": ("AWQ", "vLLM, SGLang or TensorRT-LLM"),
    "gptq": ("GPTQ", "vLLM or SGLang"),
    "exl2": ("EXL2", "TabbyAPI (ExLlamaV2)"),
    "exl3": ("EXL3", "TabbyAPI (ExLlamaV3)"),
}


def foreign(path: Path) -> str | None:
    """One sentence about a model in another format at ``path``, a folder or a file of one; None where there is none."""
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and path.suffix not in (".safetensors", ".json"):
        return None
    if (folder / "mlc-chat-config.json").is_file():
        return _served(path, "MLC", "MLC's own server")
    method = _method(folder)
    if method in _SERVERS:
        return _served(path, *_SERVERS[method])
    if method is not None:
        return f"{path} is quantized as {method!r}, not GGUF: serve it with vLLM and attach with --endpoint URL."
    if any(folder.glob("*.safetensors")):
        return f"{path} is a model in safetensors: make a GGUF file of it with llama.cpp's convert_hf_to_gguf.py first."
    return None


def _served(path: Path, name: str, servers: str) -> str:
    return f"{path} is an {name} model, not GGUF: serve it with {servers} and attach with --endpoint URL."


def _method(folder: Path) -> str | None:
    """The quantization that a folder's configuration names."""
    config = _json(folder / "config.json").get("quantization_config")
    if isinstance(config, dict):
        method = cast("dict[str, Any]", config).get("quant_method")
        if isinstance(method, str):
            return method.lower()[:40]
    return "gptq" if _json(folder / "quantize_config.json").get("bits") else None


def _json(path: Path) -> dict[str, Any]:
    """A small file's object, empty where there is none that can be read."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_CONFIG:
            return {}
        found: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
