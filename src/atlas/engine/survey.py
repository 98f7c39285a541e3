"""What this machine has for running models, and which engines are there; each line with what mends it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from atlas.engine import llama_server
from atlas.engine.embedded import engine_version
from atlas.engine.fit.cards import Device, this_cpu, this_machine
from atlas.engine.hardware import gpu_vendor, gpu_warning, hardware, missing_libraries, packages
from atlas.engine.model_cache import root
from atlas.errors import EngineError, UsageError
from atlas.sandbox.survey import Finding

_VECTORS = ("avx2", "avx512f", "avx512_vnni", "amx_int8", "asimd", "sve")
"""Instruction sets that llama.cpp's kernels use, as Linux names them."""
_NEEDED = {"avx2", "asimd"}
_MEMORY_LEAST = 4 << 30
_DISK_LEAST = 10 * 10**9
_GIB = 1 << 30


def survey() -> list[Finding]:
    """Look at processor, memory, disk and card, and at the embedded engine and ``llama-server``."""
    return [*_machine(), _embedded(), _llama_server()]


def _machine() -> list[Finding]:
    cpu = this_cpu()
    return [_processor(Path("/proc/cpuinfo")), _memory(cpu), _disk(root()), _card()]


def _processor(info: Path) -> Finding:
    """Cores and instruction sets."""
    text = info.read_text(errors="replace") if info.exists() else ""
    known = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    words = known[1].split() if known else []
    sets = [name for name in _VECTORS if name in words]
    said = f"{hardware().cores} cores, {', '.join(sets) or 'no vector instructions that are known'}"
    if known is None or _NEEDED & set(sets):
        return Finding("machine", "processor", True, said)
    remedy = "The embedded engine's wheel needs AVX2: build llama-server for this processor and put it on PATH."
    return Finding("machine", "processor", False, said, remedy)


def _memory(cpu: Device) -> Finding:
    said = f"{cpu.memory / _GIB:.1f} GiB"
    if cpu.bandwidth is not None:
        said += f", read at {cpu.bandwidth / 1e9:.0f} GB/s just now"
    if cpu.memory >= _MEMORY_LEAST:
        return Finding("machine", "memory", True, said)
    return Finding("machine", "memory", False, said, "Choose a small model: `atlas fit --cpu` lists what fits.")


def _disk(folder: Path) -> Finding:
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    said = f"{free / 1e9:.0f} GB free for models in {folder}"
    if free >= _DISK_LEAST:
        return Finding("machine", "disk", True, said)
    remedy = "Remove models with `atlas models rm`, or set ATLAS_HOME to a folder on a larger disk."
    return Finding("machine", "disk", False, said, remedy)


def _card() -> Finding:
    if gpu_vendor() is None:
        return Finding("machine", "card", True, "none is seen: models run on the processor")
    try:
        said = "; ".join(f"{card.name}, {card.memory / _GIB:.1f} GiB" for card in this_machine())
    except UsageError as e:
        return Finding("machine", "card", False, f"{gpu_vendor()}, of unknown memory", str(e))
    return Finding("machine", "card", True, said)


def _embedded() -> Finding:
    missing = missing_libraries()
    if missing:
        said = f"{engine_version()} cannot be loaded"
        return Finding("engine", "embedded", False, said, f"Install {packages(missing)}.")
    return Finding("engine", "embedded", True, f"{engine_version()}, a build for processors")


def _llama_server() -> Finding:
    try:
        path = llama_server.find()
        found = llama_server.inspect(path) if path else None
    except (UsageError, EngineError) as e:
        return Finding("engine", "llama-server", False, "cannot be used", str(e))
    if found is None:
        warning = gpu_warning(gpu_vendor(), (), "the embedded engine")
        return Finding("engine", "llama-server", warning is None, "not on PATH", warning or "")
    said = f"{found.version}, {', '.join(found.gpus) or 'no cards'}, {found.path}"
    warning = gpu_warning(gpu_vendor(), found.gpus, "llama-server")
    return Finding("engine", "llama-server", warning is None, said, warning or "")
