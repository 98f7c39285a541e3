"""Which source code a command reads, asked for where nobody named it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from atlas.errors import UsageError

if TYPE_CHECKING:
    from atlas.engine.corpus import Corpus

Command = TypeVar("Command", bound=Callable[..., Any])


def corpus_options(characters: int) -> Callable[[Command], Command]:
    """Where the code is, and how much of it is taken."""

    def add(command: Command) -> Command:
        for option in (
            click.option("--yes", is_flag=True, help="Take the repositories that are found without asking."),
            click.option(
                "--characters",
                type=click.IntRange(2000, 10**9),
                default=characters,
                show_default=True,
                help="Of source code, at most.",
            ),
            click.option(
                "--corpus",
                "folders",
                type=click.Path(path_type=Path),
                multiple=True,
                help="A folder of source code; repeat for several. [git repositories below your home directory]",
            ),
        ):
            command = option(command)
        return command

    return add


def chosen(folders: Sequence[Path], characters: int, *, held_out: bool, yes: bool) -> Corpus:
    """The code of the folders that were named, or of the user's repositories once they were shown and agreed to.

    Raises:
        UsageError: there is none, or nobody is there to agree.
    """
    from atlas.engine.corpus import collect  # noqa: PLC0415  (--help must be quick)

    return collect(folders or _own(yes=yes), characters, held_out=held_out)


def _own(*, yes: bool) -> Sequence[Path]:
    from atlas.engine.corpus.repositories import repositories  # noqa: PLC0415

    found = repositories(Path.home())
    if not found:
        raise UsageError("No git repository was found below your home directory: name a folder with --corpus.")
    click.echo("Source code of these repositories is read; it stays on this machine:", err=True)
    for path in found:
        click.echo(f"  {path}", err=True)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Add --yes to take these repositories, or name a folder with --corpus.")
        click.confirm("Take them?", default=True, abort=True, err=True)
    return found


def told(corpus: Corpus) -> str:
    """One line about a sample."""
    shares = ", ".join(f"{name} {size:,}" for name, size in sorted(corpus.languages.items(), key=lambda kv: -kv[1]))
    return f"{len(corpus.files)} files of code, {len(corpus.text):,} characters ({shares})"
