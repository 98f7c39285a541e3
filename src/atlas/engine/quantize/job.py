"""Quantizing one model file: everything is checked first, then the file is written block by block beside its name."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atlas.engine.gguf_check import opened
from atlas.engine.gguf_reader import Header, Malformed, TensorRecord, read_header
from atlas.engine.gguf_types import FILE_TYPES, TENSOR_TYPES, TYPE_IDS, TYPE_NAMES
from atlas.engine.quantize.container import Written, head, padded, replacing
from atlas.engine.quantize.imatrix import Importance
from atlas.engine.quantize.native import Floats, dequantize
from atlas.engine.quantize.native import quantize as blocks
from atlas.engine.recipe import NAMES, OWN_RULES, Layout, assign, needs_importance, quantizable, written_order
from atlas.engine.tensors import Tensor
from atlas.errors import UsageError

Told = Callable[[int, int], None]
"""Told how many weights of how many are done."""

_PIECE = 1 << 20
"""Weights that one thread takes at a time, about."""
_SPARE = 64 << 20
"""Bytes of disk that are left to others."""
_PLAIN = ("F32", "F16", "BF16")
_LONG_BLOCK = 256
_FILE_TYPE_IDS = {name.removesuffix("_MOE"): number for number, name in FILE_TYPES.items()}
_QUANTIZATION_VERSION = 2


@dataclass(frozen=True, slots=True)
class Job:
    """What will be written: ``tensors`` in the order of the file, of which ``changed`` get another type."""

    source: Path
    target: Path
    quantization: str
    header: Header
    tensors: tuple[Written, ...]
    changed: int
    shortened: int
    """Tensors whose rows are no multiple of 256, so that a type of smaller blocks stands in."""
    unweighted: int
    """Tensors that the importance matrix says nothing about."""
    importance: Importance | None
    size_bytes: int

    @property
    def weights(self) -> int:
        """Of all tensors."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def kinds(self) -> Mapping[str, int]:
        """How many tensors have each type."""
        return Counter(TYPE_NAMES[tensor.kind] for tensor in self.tensors)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was written: bytes before and after, and seconds."""

    path: Path
    size_before: int
    size_bytes: int
    seconds: float


def plan(
    source: Path,
    target: Path,
    quantization: str,
    *,
    importance: Importance | None = None,
    allow_requantize: bool = False,
    replace: bool = False,
) -> Job:
    """Check everything that can be wrong before the work.

    Args:
        source: a GGUF file of a language model, unquantized.
        target: the file to write.
        quantization: one of ``recipe.NAMES``.
        importance: an importance matrix of the same model.
        allow_requantize: take weights that are quantized already; what they lost stays lost.
        replace: whether ``target`` may exist.

    Raises:
        UsageError: one of them cannot be used, or the disk is too small.
    """
    if quantization not in NAMES:
        raise UsageError(f"There is no quantization {quantization[:40]!r}; choose one of {', '.join(NAMES)}.")
    header, size = _header(source)
    _check_target(source, target, replace=replace)
    found = [Tensor(name, record.dimensions) for name, record in header.tensors.items()]
    kinds = assign(found, _layout(source, header), quantization, importance=importance is not None)
    tensors = tuple(
        Written(t.name, t.dimensions, TYPE_IDS[kinds[t.name]] if t.name in kinds else header.tensors[t.name].kind)
        for t in sorted(found, key=lambda t: written_order(t.name))
    )
    changed = [t for t in tensors if t.kind != header.tensors[t.name].kind]
    _check_source(source, header, changed, quantization, allow_requantize=allow_requantize)
    _check_importance(changed, importance, quantization)
    job = Job(
        source,
        target,
        quantization,
        header,
        tensors,
        changed=len(changed),
        shortened=sum(_shortened(t, quantization) for t in tensors),
        unweighted=0 if importance is None else sum(t.name not in importance.columns for t in changed),
        importance=importance,
        size_bytes=sum(padded(t.size_bytes, header.alignment) for t in tensors) + header.data_start,
    )
    _check_space(target, job.size_bytes, size)
    return job


def quantize(job: Job, threads: int, told: Told = lambda done, of: None) -> Outcome:
    """Write the file; it has its name only when it is whole.

    Raises:
        UsageError: the source is cut off meanwhile, or holds weights that are no numbers.
        EngineError: the engine's library fails.
        OSError: the disk is full.
    """
    began, done, total = time.monotonic(), 0, job.weights
    with opened(job.source) as (source, size), replacing(job.target) as out, ThreadPoolExecutor(threads) as pool:
        out.write(head(source, job.header, job.tensors, _changes(job)))
        for tensor in job.tensors:
            weights = 0
            for data, count in _ordered(pool, threads, _pieces(job, source.fileno(), tensor)):
                out.write(data)
                weights += count
                told(done + weights, total)
            done += tensor.elements
            out.write(bytes(padded(tensor.size_bytes, job.header.alignment) - tensor.size_bytes))
        written = out.tell()
    return Outcome(job.target, size, written, time.monotonic() - began)


_Piece = Callable[[], tuple[bytes, int]]
"""Makes some bytes of a tensor; how many weights they hold."""


def _ordered(pool: ThreadPoolExecutor, threads: int, pieces: Iterator[_Piece]) -> Iterator[tuple[bytes, int]]:
    """Results in order, with a few pieces in work ahead; the library releases the interpreter's lock."""
    waiting: deque[Future[tuple[bytes, int]]] = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(piece))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _pieces(job: Job, source: int, tensor: Written) -> Iterator[_Piece]:
    """Whole rows, never of two experts: each has importances of its own."""
    record = job.header.tensors[tensor.name]
    length = record.dimensions[0]
    rows, group = record.elements // length, (*record.dimensions, 1)[1]
    row_bytes = record.size_bytes // rows
    at = job.header.data_start + record.offset
    columns = None if job.importance is None else job.importance.columns.get(tensor.name)
    most = max(1, _PIECE // length)
    for begin in range(0, rows, group):
        of_group = None if columns is None else columns[begin // group * length :][:length]
        for row in range(begin, begin + group, most):
            count = min(most, begin + group - row)
            place = at + row * row_bytes, count * row_bytes

            def piece(place: tuple[int, int] = place, weights: Floats | None = of_group) -> tuple[bytes, int]:
                return _piece(job, source, record, tensor, place, weights)

            yield piece


def _piece(
    job: Job, source: int, record: TensorRecord, tensor: Written, place: tuple[int, int], columns: Floats | None
) -> tuple[bytes, int]:
    begin, size = place
    data = os.pread(source, size, begin)
    if len(data) < size:
        raise UsageError(f"{job.source} became shorter while it was read: fetch it again.")
    elements, block = TENSOR_TYPES[record.kind]
    if tensor.kind == record.kind:
        return data, size // block * elements
    weights = dequantize(record.kind, data)
    # The library ends the process where it meets something else.
    if not np.isfinite(weights).all():
        raise UsageError(f"{job.source} holds weights that are no numbers ({tensor.name[:60]}): fetch it again.")
    rows = weights.reshape(-1, tensor.dimensions[0])
    return blocks(TYPE_NAMES[tensor.kind], rows, columns), weights.size


def _changes(job: Job) -> dict[str, int | str | None]:
    changes: dict[str, int | str | None] = {
        "general.quantization_version": _QUANTIZATION_VERSION,
        "general.file_type": _FILE_TYPE_IDS[job.quantization],
        "split.no": None,
        "split.count": None,
        "split.tensors.count": None,
    }
    if job.importance is not None:
        # Names alone: a path would tell whoever gets the file about this machine.
        changes |= {"quantize.imatrix.file": Path(job.importance.file).name}
        changes |= {"quantize.imatrix.dataset": Path(job.importance.dataset).name} if job.importance.dataset else {}
        changes |= {"quantize.imatrix.entries_count": len(job.importance.columns)}
        changes |= {"quantize.imatrix.chunks_count": job.importance.chunks} if job.importance.chunks else {}
    return changes


def _header(source: Path) -> tuple[Header, int]:
    """Header and bytes of a whole language model in one file."""
    try:
        with opened(source) as (file, size):
            header = read_header(file, size)
    except Malformed as e:
        raise UsageError(f"{source} {e}: give a complete GGUF model file.") from None
    if size < header.needed_bytes:
        raise UsageError(f"{source} is cut off: it has {size} of {header.needed_bytes} bytes; fetch it again.")
    unknown = next((name for name, tensor in header.tensors.items() if not tensor.size_bytes), None)
    if unknown is not None:
        raise UsageError(f"{source} holds a tensor that is empty or of a type not known here ({unknown[:60]!r}).")
    parts = header.values.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        raise UsageError(f"{source} is one of {parts} parts of a model: join them with llama-gguf-split --merge.")
    if header.values.get("general.type", "model") != "model":
        raise UsageError(f"{source} is no model but a file of another kind ({header.values['general.type']!r:.40}).")
    return header, size


def _layout(source: Path, header: Header) -> Layout:
    architecture = header.values.get("general.architecture")
    layers = header.values.get(f"{architecture}.block_count")
    if not isinstance(architecture, str) or not isinstance(layers, int) or layers < 1:
        raise UsageError(f"{source} holds no language model: give a GGUF file of one.")
    if architecture in OWN_RULES:
        raise UsageError(f"{architecture} models have rules of their own, not known here: use llama-quantize.")

    def first(key: str, default: int) -> int:
        name = f"{architecture}.{key}"
        found = header.numbers[name][0] if header.numbers.get(name) else header.values.get(name, default)
        return found if isinstance(found, int) else default

    heads = first("attention.head_count", 0)
    shared = first("attention.head_count_kv", heads)
    return Layout(architecture, layers, heads // shared if shared > 0 else 0, first("expert_count", 0))


def _check_target(source: Path, target: Path, *, replace: bool) -> None:
    if not target.parent.is_dir():
        raise UsageError(f"{target} cannot be written: there is no folder {target.parent}.")
    if target.is_dir() or (target.exists() and target.samefile(source)):
        raise UsageError(f"{target} cannot be written: name another file with --out.")
    if target.exists() and not replace:
        raise UsageError(f"{target} exists: add --force to replace it, or name another file with --out.")


def _check_source(
    source: Path, header: Header, changed: list[Written], quantization: str, *, allow_requantize: bool
) -> None:
    if not changed:
        raise UsageError(f"{source} is {quantization} already: there is nothing to do.")
    for tensor in changed:
        kind = TYPE_NAMES[header.tensors[tensor.name].kind]
        if kind not in _PLAIN and not allow_requantize:
            raise UsageError(
                f"{source} is quantized already ({tensor.name[:60]} is {kind}) and what that lost stays lost: "
                "give the F16, BF16 or F32 file, or add --allow-requantize."
            )


def _check_importance(changed: list[Written], importance: Importance | None, quantization: str) -> None:
    columns: Mapping[str, Floats] = {} if importance is None else importance.columns
    if importance is not None and not any(tensor.name in columns for tensor in changed):
        raise UsageError(f"{importance.file} names no tensor of this model: it was made for another one.")
    for tensor in changed:
        length, experts = tensor.dimensions[0], tensor.elements // (tensor.dimensions[0] * tensor.dimensions[1])
        if tensor.name in columns and columns[tensor.name].size != length * experts:
            raise UsageError(f"The importance matrix was made for another model: {tensor.name[:60]} has other sizes.")
        if tensor.name not in columns and needs_importance(tensor.name, TYPE_NAMES[tensor.kind], quantization):
            raise UsageError(
                f"{quantization} needs an importance matrix ({tensor.name[:60]} would be garbage): make one with "
                "`atlas calibrate` and give it with --imatrix."
            )


def _shortened(tensor: Written, quantization: str) -> bool:
    mixed = "_K" in quantization or (quantization.startswith("IQ") and quantization != "IQ4_NL")
    short = TENSOR_TYPES[tensor.kind][0] != _LONG_BLOCK and tensor.dimensions[0] % _LONG_BLOCK != 0
    return mixed and short and quantizable(Tensor(tensor.name, tensor.dimensions))


def _check_space(target: Path, needed: int, source: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed + _SPARE > free:
        raise UsageError(
            f"{target.name} needs {needed / 1e9:.2f} GB (the source has {source / 1e9:.2f}) and {target.parent} has "
            f"{free / 1e9:.2f} GB free: free some, or name a file on another disk with --out."
        )
