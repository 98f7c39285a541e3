"""``atlas calibrate``: an importance matrix of a model, from source code."""

from __future__ import annotations

import json
from pathlib import Path

import click

from atlas.cli.corpus import corpus_options

_EXAMPLE = """\b
Examples:
  atlas calibrate model-F16.gguf --corpus ~/src/project
  atlas quantize model-F16.gguf --type Q3_K_M --imatrix model-F16.imatrix.gguf
"""


@click.command(epilog=_EXAMPLE)
@click.argument("model", metavar="MODEL.gguf", type=click.Path(path_type=Path))
@corpus_options(400_000)
@click.option("--out", type=click.Path(path_type=Path), help="The file to write. [MODEL.imatrix.gguf]")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads. [all but one]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output; no progress.")
def calibrate(
    model: Path,
    folders: tuple[Path, ...],
    characters: int,
    yes: bool,
    out: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Find out which weights matter for code, with llama.cpp's llama-imatrix.

    The code is sampled evenly over its languages; copies, generated files and what looks like a secret are left
    out, and a fifth of the files is held out for `atlas measure`. Nothing leaves this machine.
    """
    from atlas.cli.corpus import chosen, told  # noqa: PLC0415  (--help must be quick)
    from atlas.cli.progress import bar  # noqa: PLC0415
    from atlas.engine.gguf_check import check  # noqa: PLC0415
    from atlas.engine.hardware import hardware  # noqa: PLC0415
    from atlas.engine.tools.find import find  # noqa: PLC0415
    from atlas.engine.tools.imatrix import calibrate  # noqa: PLC0415

    file = check(model)
    find("llama-imatrix")  # before anything is read
    corpus = chosen(folders, characters, held_out=False, yes=yes)
    if not as_json:
        click.echo(told(corpus), err=True)
    target = out or model.with_name(f"{model.stem}.imatrix.gguf")
    with bar(f"calibrating {file.name}", quiet=as_json) as heard:
        calibrate(file, corpus.text, target, threads or max(1, hardware().cores - 1), heard)
    if as_json:
        data = {"path": str(target), "languages": corpus.languages, "skipped": corpus.skipped}
        click.echo(json.dumps(data | {"files": len(corpus.files), "characters": len(corpus.text)}, indent=1))
    else:
        click.echo(target)
