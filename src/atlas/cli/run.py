"""``atlas run``: one program in the sandbox, on inputs or calls; what it did, as a person or a script reads it."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas.cli.options import Duration, sandbox_option
from atlas.errors import UsageError

if TYPE_CHECKING:
    from atlas.problem import Call, Input
    from atlas.sandbox import Limits, Observation, Program
    from atlas.sandbox.profile import Profile

_EXAMPLE = """\b
Examples:
  atlas run solution.py --input "3 4"
  atlas run solution.py --call "add(3, 4)" --call "add(0, -1)"
  atlas run solution.py --input @case1.txt --input @case2.txt --json
  atlas run solution.cpp --input "3 4"
  atlas run plot.py --file data.csv --scratch out --input ""
  atlas run solution.py --packages .venv --preload numpy < input.txt
"""

_ENDINGS = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "typescript",
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".sh": "bash",
}


@dataclass(frozen=True, slots=True)
class _Ask:
    """What was asked on the command line; ``shown`` are the inputs in the user's own words."""

    program: Program
    inputs: tuple[Input, ...]
    shown: tuple[str, ...]
    limits: Limits
    profile: Profile
    tier: str | None
    files: Mapping[str, bytes]
    scratch: Path | None
    """Where the files go that the program leaves."""


@click.command(epilog=_EXAMPLE)
@click.argument("file", metavar="FILE|-")
@click.option("--input", "texts", multiple=True, metavar="TEXT|@FILE", help="Standard input; once for each execution.")
@click.option("--call", "calls", multiple=True, metavar="CALL", help='A call with plain values, such as "add(3, 4)".')
@click.option("--language", type=click.Choice(sorted({*_ENDINGS.values()})), help="By default by the file's ending.")
@click.option("--cpu", type=Duration(), default="2s", show_default=True, help="CPU time of one execution.")
@click.option("--wall", type=Duration(), default="30s", show_default=True, help="Time on the clock of one execution.")
@click.option(
    "--memory", type=click.IntRange(16, 1 << 20), default=512, show_default=True, metavar="MIB", help="Memory."
)
@click.option(
    "--packages", type=click.Path(path_type=Path), metavar="ENV", help="A virtual environment to import from."
)
@click.option("--preload", multiple=True, metavar="MODULE", help="A module of it to have warm.")
@click.option("--file", "given", multiple=True, metavar="FILE", help="A file to find in its folder, under its name.")
@click.option(
    "--scratch", type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder for the files that it leaves."
)
@click.option(
    "--output",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="MIB",
    help="Most in one file or output.",
)
@sandbox_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def run(
    file: str,
    texts: tuple[str, ...],
    calls: tuple[str, ...],
    language: str | None,
    cpu: float,
    wall: float,
    memory: int,
    packages: Path | None,
    preload: tuple[str, ...],
    given: tuple[str, ...],
    scratch: Path | None,
    output: int,
    tier: str | None,
    as_json: bool,
) -> int:
    """Run a program that you don't trust: no files, no network, bounded time and memory.

    A program reads standard input (the command's own without --input) unless --call names a function of it. What
    it prints, or returns, goes to standard output. Exit status 1 means that an execution did not end well.

    The folder that it begins in holds the files of --file, and goes with it; what it leaves there, --scratch keeps. Of
    several executions each has a folder of its own: FOLDER/1, FOLDER/2 and so on.
    """
    from atlas.sandbox import Limits, Program, Status  # noqa: PLC0415  (--help must be quick)
    from atlas.sandbox.profile import STANDARD, Profile  # noqa: PLC0415

    if texts and calls:
        raise UsageError("Give --input or --call: a program reads standard input, or a function of it is called.")
    if preload and packages is None:
        raise UsageError("--preload is for modules of --packages: name the environment, too.")
    if file == "-" and not (texts or calls):
        raise UsageError("The program comes from standard input, so its own must be given: add --input or --call.")
    language = language or _ENDINGS.get(Path(file).suffix.lower(), "python")
    _refuse_unless_it_runs(language, functions=bool(calls), packages=packages is not None)
    if scratch is not None:
        _refuse_unless_new(scratch)
    code, files = _read(file), _given(given)
    entry, inputs, shown = _called(calls) if calls else (None, *_typed(texts))
    limits = Limits(cpu_s=cpu, wall_s=wall, memory_mb=memory, output_bytes=output << 20)
    profile = STANDARD if packages is None else Profile.of_environment(packages, preload=preload)
    ask = _Ask(Program(code, entry, language), inputs, shown, limits, profile, tier, files, scratch)
    used, observed = asyncio.run(_run(ask))
    if as_json:
        rows = [_row(ask, input, o) for input, o in zip(ask.shown, observed, strict=True)]
        click.echo(json.dumps({"tier": used, "executions": rows}, indent=1))
    else:
        for place, o in enumerate(observed):
            _print(ask, place, o)
    if scratch is not None:
        _save(observed, scratch)
    return 0 if all(o.status is Status.OK for o in observed) else 1


def _refuse_unless_it_runs(language: str, *, functions: bool, packages: bool) -> None:
    """Say what a program in another language can't have here.

    Raises:
        UsageError: no compiler or runtime, or something that is for Python alone.
    """
    if language == "python":
        return
    from atlas.sandbox.toolchains import find  # noqa: PLC0415

    if functions or packages:
        raise UsageError(f"--call and --packages are for Python; a program in {language} reads standard input.")
    found = find(language)
    if isinstance(found, str):
        raise UsageError(found)


def _read(file: str) -> str:
    """The text of a file, or of standard input.

    Raises:
        UsageError: it can't be read, or is no text.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else _bytes(file)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no UTF-8 text.") from None


def _bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None


def _given(files: Sequence[str]) -> dict[str, bytes]:
    """The contents of files, by their names without folders.

    Raises:
        UsageError: one can't be read, or two have the same name.
    """
    names = [Path(file).name for file in files]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"Two files are called {min(twice)}: the program finds them by name, so rename one.")
    return {name: _bytes(file) for name, file in zip(names, files, strict=True)}


def _refuse_unless_new(folder: Path) -> None:
    """Raise UsageError for a folder that there is already with something in it."""
    try:
        there = folder.is_symlink() or (folder.exists() and any(folder.iterdir()))
    except OSError as error:
        raise UsageError(f"{folder} cannot be used for files: {error.strerror}.") from None
    if there:
        raise UsageError(f"{folder} is there already: name a new folder for what the program leaves.")


def _save(observed: Sequence[Observation], folder: Path) -> None:
    """Write the files that each execution left; nothing is overwritten.

    Raises:
        UsageError: they can't be written.
    """
    from atlas.sandbox.scratch import save  # noqa: PLC0415

    try:
        for place, seen in enumerate(observed, 1):
            own = folder if len(observed) == 1 else folder / str(place)
            own.mkdir(parents=True, exist_ok=True)
            save(seen.files, own)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from None


def _typed(texts: Sequence[str]) -> tuple[tuple[Input, ...], tuple[str, ...]]:
    """Standard inputs, and how to name them."""
    from atlas.problem import Stdin  # noqa: PLC0415

    if not texts:
        given = "" if sys.stdin is None or sys.stdin.isatty() else _read("-")
        return (Stdin(given),), ("standard input",)
    contents = [_read(text[1:]) if text.startswith("@") else f"{text}\n" for text in texts]
    return tuple(Stdin(content) for content in contents), tuple(texts)


def _called(calls: Sequence[str]) -> tuple[str, tuple[Input, ...], tuple[str, ...]]:
    """The function that all calls are of, and the calls.

    Raises:
        UsageError: one is no call with plain values, or they are of different functions.
    """
    found = [_call(text) for text in calls]
    names = {name for name, _ in found}
    if len(names) > 1:
        raise UsageError(f"All calls must be of one function, not of {' and '.join(sorted(names))}.")
    return names.pop(), tuple(call for _, call in found), tuple(calls)


def _call(text: str) -> tuple[str, Call]:
    from atlas.problem import Call  # noqa: PLC0415

    try:
        match ast.parse(text.strip(), mode="eval").body:
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return name, Call(tuple(ast.literal_eval(argument) for argument in arguments))
            case _:
                raise ValueError
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise UsageError(f"{text!r} is no call with plain values; write it like add(3, [1, 2]).") from None


async def _run(ask: _Ask) -> tuple[str, tuple[Observation, ...]]:
    from atlas.sandbox import Sandbox  # noqa: PLC0415

    async with await Sandbox.start(tier=ask.tier, profile=ask.profile) as sandbox:
        try:
            return sandbox.tier, await sandbox.run(
                ask.program, ask.inputs, ask.limits, fresh=True, files=ask.files, keep_files=ask.scratch is not None
            )
        except ValueError as error:  # files that it can't be given
            raise UsageError(f"{error}.") from None


def _row(ask: _Ask, shown: str, seen: Observation) -> dict[str, Any]:
    """An execution as data; a returned value as Python writes it, which keeps its type."""
    value = None if ask.program.entry is None else repr(seen.value)
    return {
        "input": shown,
        "status": str(seen.status),
        "value": value,
        "stdout": seen.stdout,
        "stderr": seen.stderr,
        "error": seen.error,
        "line": seen.line,
        "cpu_s": round(seen.cpu_s, 4),
        "wall_s": round(seen.wall_s, 4),
        "peak_mb": round(seen.peak_mb, 1),
        "files": sorted(seen.files),
        "left_out": seen.left_out,
    }


def _print(ask: _Ask, place: int, seen: Observation) -> None:
    """What came out to standard output and error, with a line about it on standard error."""
    from atlas.sandbox import Status  # noqa: PLC0415

    ok = seen.status is Status.OK
    click.echo(seen.stdout, nl=False)
    click.echo(seen.stderr, err=True, nl=False)
    if ok and ask.program.entry is not None:
        click.echo(f"{ask.shown[place]} = {seen.value!r}")
    where = f" in line {seen.line}" if seen.line is not None else ""
    about = f": {seen.error}{where}" if seen.error else ""
    name = f"{ask.shown[place]}: " if len(ask.shown) > 1 or not ok else ""
    cost = f"{seen.cpu_s:.3f} s CPU, {seen.wall_s:.3f} s, {seen.peak_mb:.0f} MB"
    text = f"{name}{seen.status.replace('_', ' ')}{about} ({cost}){_kept(ask, seen)}"
    click.secho(text, err=True, dim=ok, fg=None if ok else "red")


def _kept(ask: _Ask, seen: Observation) -> str:
    """How many files are kept, and what is not."""
    if ask.scratch is None:
        return ""
    kept = f", {len(seen.files)} file{'' if len(seen.files) == 1 else 's'} kept"
    if not seen.left_out:
        return kept
    return f"{kept} and {seen.left_out} left out (links, hidden, odd names, too deep, too many or too large)"
