"""Our quantized files beside those of llama.cpp's own ``llama-quantize``: types, bytes, divergence and time.

    atlas tools build                     # once: llama.cpp's tools
    python benchmarks/quantize.py         # about ten minutes on two cores

The shipped model is Q8_0; its origin here is the same weights as F32 (quantized to Q8_0 again it is the shipped file,
weight for weight). Its text is of its own world (``training/samples.py``), drawn with other seeds for calibration
and for measuring. The second model has 100 million random weights. Times are of one thread, and of the processor, so
that other programs do not count. Prints a table, then one JSON line; both are kept in ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from training.samples import samples

from atlas.engine.gguf_check import check
from atlas.engine.gguf_reader import Header, read_header
from atlas.engine.nano import model_path
from atlas.engine.quantize import plan, quantize
from atlas.engine.quantize.imatrix import read_imatrix
from atlas.engine.quantize.native import version
from atlas.engine.shape import Shape
from atlas.engine.tools.find import BUILT_FROM, find
from atlas.engine.tools.imatrix import calibrate
from atlas.engine.tools.perplexity import Setting, divergence, perplexity
from random_model import write

RESULTS = Path(__file__).parent / "results"
KINDS = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")
WITH_MATRIX = ("Q2_K", "Q3_K_M", "Q4_K_M", "IQ3_XXS", "IQ2_M")
RANDOM = Shape(
    architecture="llama",
    context=2048,
    layers=8,
    width=1024,
    heads=16,
    kv_heads=(4,) * 8,
    key_size=64,
    value_size=64,
    feed=2816,
    vocabulary=8192,
)


@dataclass(frozen=True)
class Subject:
    """A model's origin, the text it is measured on, how, and an importance matrix if there is one."""

    name: str
    origin: Path
    text: Path
    setting: Setting
    matrix: Path | None


def world(seed: int, characters: int) -> str:
    """Problems and programs of the shipped model's world."""
    parts: list[str] = []
    for sample in samples(Random(seed)):
        parts += [sample.prompt, sample.reply]
        if sum(map(len, parts)) > characters:
            return "\n\n".join(parts)
    raise AssertionError("samples never end")


def subjects(folder: Path, only: str) -> Iterator[Subject]:
    if only in "shipped":
        origin = quantize(plan(model_path(), folder / "nano-F32.gguf", "F32", allow_requantize=True), 1).path
        text = folder / "held-out.txt"
        text.write_text(world(2, 40_000))
        matrix = calibrate(check(origin), world(1, 120_000), folder / "nano.imatrix.gguf", 1)
        yield Subject("shipped", origin, text, Setting(1), matrix)
    if only in "random":
        origin = write(folder / "random-F16.gguf", RANDOM, "F16")
        text = folder / "code.txt"
        text.write_text("\n".join(path.read_text() for path in sorted(Path(__file__).parent.glob("*.py")))[:4000])
        yield Subject("random", origin, text, Setting(1, context=256, pieces=2), None)


def ours(subject: Subject, kind: str, target: Path, matrix: Path | None) -> float:
    """Seconds of the processor."""
    began = time.process_time()
    importance = None if matrix is None else read_imatrix(matrix)
    quantize(plan(subject.origin, target, kind, importance=importance), 1)
    return time.process_time() - began


def theirs(subject: Subject, kind: str, target: Path, matrix: Path | None) -> float:
    """Seconds of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ["--imatrix", str(matrix)] if matrix else []
    command = [find("llama-quantize").path, *words, subject.origin, target, kind, "1"]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _header(path: Path) -> tuple[Header, bytes]:
    with path.open("rb") as file:
        return read_header(file), path.read_bytes()


def compare(mine: Path, other: Path) -> dict[str, Any]:
    """Tensors of another type, tensors and bytes of them that differ, and whether the files are the same."""
    (a, a_data), (b, b_data) = _header(mine), _header(other)
    types, differing, size = 0, 0, 0
    for name, tensor in a.tensors.items():
        twin = b.tensors.get(name)
        if twin is None or (twin.kind, twin.dimensions) != (tensor.kind, tensor.dimensions):
            types += 1
            continue
        one = a_data[a.data_start + tensor.offset :][: tensor.size_bytes]
        two = b_data[b.data_start + twin.offset :][: twin.size_bytes]
        if one != two:
            differing += 1
            size += sum(x != y for x, y in zip(one, two, strict=True))
    types += len(b.tensors.keys() - a.tensors.keys())
    return {"other_types": types, "tensors_differ": differing, "bytes_differ": size, "same_file": a_data == b_data}


def row(subject: Subject, kind: str, kept: Path, folder: Path, matrix: Path | None) -> dict[str, Any]:
    mine, other = folder / "mine.gguf", folder / "theirs.gguf"
    seconds = ours(subject, kind, mine, matrix), theirs(subject, kind, other, matrix)
    found = compare(mine, other)
    found_mine = divergence(mine, kept, subject.setting).divergence
    same_weights = not found["other_types"] and not found["tensors_differ"]
    found_other = found_mine if same_weights else divergence(other, kept, subject.setting).divergence
    weights = check(mine).parameters
    size = mine.stat().st_size
    for path in (mine, other):
        path.unlink()
    return {
        "model": subject.name,
        "type": kind,
        "imatrix": matrix is not None,
        "bits": round(8 * size / weights, 3),
        **found,
        "divergence": found_mine[0],
        "divergence_error": found_mine[1],
        "divergence_tool": found_other[0],
        "ns_per_weight": round(1e9 * seconds[0] / weights, 1),
        "ns_per_weight_tool": round(1e9 * seconds[1] / weights, 1),
    }


def measured(subject: Subject, folder: Path) -> list[dict[str, Any]]:
    kept = folder / "kept"
    perplexity(subject.origin, subject.text, subject.setting, keep=kept)
    rows: list[dict[str, Any]] = []
    work = [(kind, None) for kind in KINDS]
    work += [(kind, subject.matrix) for kind in WITH_MATRIX if subject.matrix]
    for kind, matrix in work:
        rows.append(row(subject, kind, kept, folder, matrix))
        print(subject.name, kind, "imatrix" if matrix else "", rows[-1], file=sys.stderr)
    kept.unlink()
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"{'model':8} {'type':8} {'imatrix':>7} {'bits':>7} {'other types':>11} {'bytes differ':>12} {'same file':>9} "
        f"{'divergence, nats':>22} {'of the tool':>11} {'ns/weight':>9} {'tool':>6}"
    ]
    for r in rows:
        lines.append(
            f"{r['model']:8} {r['type']:8} {'yes' if r['imatrix'] else '':>7} {r['bits']:7.3f} {r['other_types']:11} "
            f"{r['bytes_differ']:12} {'yes' if r['same_file'] else 'no':>9} "
            f"{r['divergence']:12.6f} ± {r['divergence_error']:.5f} {r['divergence_tool']:11.6f} "
            f"{r['ns_per_weight']:9.1f} {r['ns_per_weight_tool']:6.1f}"
        )
    return "\n".join(lines)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    plain = {r["type"]: r["divergence"] for r in rows if r["model"] == "shipped" and not r["imatrix"]}
    gains = {
        r["type"]: round(r["divergence"] / plain[r["type"]], 3) for r in rows if r["imatrix"] and r["type"] in plain
    }
    return {
        "files": len(rows),
        "other_types": sum(r["other_types"] for r in rows),
        "bytes_differ": sum(r["bytes_differ"] for r in rows),
        "same_files": sum(r["same_file"] for r in rows),
        "worse_divergence": sum(r["divergence"] > r["divergence_tool"] for r in rows),
        "divergence_with_imatrix": gains,
        "ggml": version(),
        "tool": f"llama-cpp-python {BUILT_FROM}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", choices=["", "shipped", "random"])
    args = parser.parse_args()
    os.nice(10)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for subject in subjects(Path(name), args.only):
            rows += measured(subject, Path(name))
    result, text = summary(rows), table(rows)
    print(text)
    if not args.only:
        RESULTS.joinpath("quantize.txt").write_text(text + "\n")
        RESULTS.joinpath("quantize.json").write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
