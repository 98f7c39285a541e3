"""``atlas quantize``: make a smaller file of a model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from atlas.engine.quantize import Job, Outcome

_EXAMPLE = """\b
Examples:
  atlas quantize model-F16.gguf --type Q4_K_M
  atlas quantize model-F16.gguf --type IQ2_M --imatrix model.imatrix.gguf --json
"""
_OLD_TYPE = re.compile(r"[-._](?:F32|F16|BF16|I?Q\d[\w]*|fp16|fp32)$", re.IGNORECASE)


@click.command(epilog=_EXAMPLE)
@click.argument("model", metavar="MODEL.gguf", type=click.Path(path_type=Path))
@click.option("--type", "kind", required=True, metavar="TYPE", help="A named mixture, such as Q4_K_M or IQ3_M.")
@click.option("--imatrix", type=click.Path(path_type=Path), help="An importance matrix, of `atlas calibrate`.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write. [beside MODEL, named after the type]")
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@click.option("--allow-requantize", is_flag=True, help="Take a model that is quantized already; it gets worse twice.")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads. [all]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output; no progress.")
def quantize(
    model: Path,
    kind: str,
    imatrix: Path | None,
    out: Path | None,
    threads: int | None,
    as_json: bool,
    **flags: bool,
) -> None:
    """Write a quantized copy of an unquantized GGUF file, with llama.cpp's mixture of that name.

    The file gets its name only when it is whole; llama.cpp and all that builds on it loads it.
    """
    from atlas.cli.progress import bar  # noqa: PLC0415  (--help must be quick)
    from atlas.engine.hardware import hardware  # noqa: PLC0415
    from atlas.engine.quantize import plan, quantize  # noqa: PLC0415
    from atlas.engine.quantize.imatrix import read_imatrix  # noqa: PLC0415

    kind = kind.upper()
    job = plan(
        model,
        out or model.with_name(f"{_OLD_TYPE.sub('', model.stem)}-{kind}.gguf"),
        kind,
        importance=None if imatrix is None else read_imatrix(imatrix),
        allow_requantize=flags["allow_requantize"],
        replace=flags["force"],
    )
    with bar(f"{kind} {job.target.name}", quiet=as_json) as told:
        outcome = quantize(job, threads or hardware().cores, told)
    if as_json:
        click.echo(json.dumps(_data(job, outcome), indent=1))
        return
    click.echo(f"{outcome.path}: {_size(outcome.size_before)} to {_size(outcome.size_bytes)}, {_bits(job):.2f} bits")
    click.echo("  " + ", ".join(f"{count} tensors {name}" for name, count in job.kinds.items()))
    if job.shortened:
        click.echo(f"  {job.shortened} tensors have a type of smaller blocks: their rows are no multiple of 256")
    if job.unweighted:
        click.echo(f"  {job.unweighted} tensors are not in the importance matrix (those that it never saw used)")


def _bits(job: Job) -> float:
    """Bits a weight."""
    return 8 * sum(tensor.size_bytes for tensor in job.tensors) / job.weights


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 10**9 else f"{size / 1e6:.1f} MB"


def _data(job: Job, outcome: Outcome) -> dict[str, Any]:
    return {
        "path": str(outcome.path),
        "type": job.quantization,
        "size_before_bytes": outcome.size_before,
        "size_bytes": outcome.size_bytes,
        "bits_per_weight": round(_bits(job), 4),
        "tensor_types": dict(job.kinds),
        "smaller_blocks": job.shortened,
        "not_in_imatrix": job.unweighted,
        "seconds": round(outcome.seconds, 3),
    }
