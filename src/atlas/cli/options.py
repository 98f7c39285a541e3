"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from atlas.errors import UsageError

if TYPE_CHECKING:
    from atlas.engine.choice import EngineChoice

Command = TypeVar("Command", bound=Callable[..., Any])

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\Z")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """A duration such as ``60s``, ``2m`` or ``90`` (seconds); the value is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds from text."""
        if isinstance(value, float):
            return value
        match = _DURATION.match(str(value).strip())
        if match is None or float(match[1]) <= 0:
            self.fail(f"{value!r} is no duration; write it like 60s or 2m.", param, ctx)
        return float(match[1]) * _UNITS[match[2] or "s"]


class NewFile(click.ParamType[Path]):
    """A file to write at the end of the work, refused before it where that will not be possible."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        path = Path(value)
        if not path.parent.is_dir():
            self.fail(f"{path} cannot be written: there is no folder {path.parent}.", param, ctx)
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            self.fail(f"{path} cannot be written.", param, ctx)
        return path


def model_options(command: Command) -> Command:
    """Which model answers."""
    for option in reversed(
        (
            click.option("--model", metavar="FILE|NAME", help="A GGUF file, or with --endpoint a model's name there."),
            click.option("--endpoint", metavar="URL", help="An OpenAI-compatible server that runs already."),
            click.option(
                "--server",
                type=click.Choice(["auto", "embedded", "llama-server"]),
                default="auto",
                show_default=True,
                help="What runs the GGUF file; auto takes a llama-server on PATH where there is a GPU.",
            ),
            click.option(
                "--slots", type=click.IntRange(1, 256), default=8, show_default=True, help="Parallel requests."
            ),
            click.option("--context", type=click.IntRange(min=256), help="Tokens a request may hold."),
            click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads of the engine."),
        )
    ):
        command = option(command)
    return command


def choose(
    model: str | None, endpoint: str | None, server: str, slots: int, context: int | None, threads: int | None
) -> EngineChoice:
    """The engine that the options name.

    Raises:
        UsageError: ``--model`` is no file and there is no endpoint.
    """
    from atlas.engine.choice import EngineChoice  # noqa: PLC0415

    if endpoint:
        return EngineChoice("endpoint", url=endpoint, model=model or "", slots=slots)
    kind = "file" if model else "shipped"
    if model and not Path(model).is_file():
        raise UsageError(f"There is no file {model}: name a GGUF file, or the server that has it with --endpoint.")
    return EngineChoice(
        kind,
        file=Path(model).absolute() if model else None,
        slots=slots,
        context=context,
        threads=threads,
        server="auto" if server == "auto" else "embedded" if server == "embedded" else "llama-server",
    )


def api_key() -> str | None:
    """The key for an endpoint, from the environment alone."""
    return os.environ.get("ATLAS_API_KEY") or os.environ.get("OPENAI_API_KEY") or None


def counted(number: int, noun: str) -> str:
    """``1 request``, ``2,000 requests``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
