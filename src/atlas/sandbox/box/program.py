"""Loading a program and naming what it raised."""

from __future__ import annotations

import io
import random
import sys
import types
from typing import Any

FILENAME = "<program>"
_ERROR_CHARS = 500
SEED = 0


class NotLoaded(Exception):
    """The program has no callable of the wanted name."""


def reset() -> None:
    """Give this process, and those it forks, fresh standard streams and the random module its fixed seed."""
    # The interpreter's own streams were made for other files.
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(
        io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8", errors="surrogateescape"
    )
    sys.stdout = sys.__stdout__ = _writer(1, "strict")
    sys.stderr = sys.__stderr__ = _writer(2, "backslashreplace")
    sys.argv = ["program.py"]
    module("__main__")
    random.seed(SEED)


def _writer(fd: int, errors: str) -> io.TextIOWrapper:
    raw = io.FileIO(fd, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=fd == 2)


def flush() -> None:
    """Bring out what was printed, whatever the program did to its streams."""
    for stream in (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__):
        try:
            if stream is not None:
                stream.flush()
        except (ValueError, AttributeError):  # closed, or no stream at all
            continue


def module(name: str) -> dict[str, Any]:
    """Return the namespace of a new module ``name`` that imports and pickles can find."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    return made.__dict__


def execute(code: str, namespace: dict[str, Any], filename: str = FILENAME) -> None:
    """Compile and run ``code`` in ``namespace``."""
    exec(compile(code, filename, "exec", dont_inherit=True), namespace)


def load(code: str, entry: str) -> Any:
    """Return the callable that ``code`` defines as ``entry``.

    Raises:
        NotLoaded: it defines none.
        BaseException: whatever compiling and running the module raise.
    """
    namespace = module("program")
    execute(code, namespace)
    function = namespace.get(entry)
    if not callable(function):
        raise NotLoaded(f"{entry} is not defined" if function is None else f"{entry} is not callable")
    return function


def describe(error: BaseException, filename: str = FILENAME) -> tuple[str, int | None]:
    """Return ``"TypeName: message"``, cut, and the last line of the program on the way to the raise."""
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001  (a program's own __str__ may do anything)
        message = "<no message>"
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == filename else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    name = type(error).__name__
    return (f"{name}: {message}" if message else name)[:_ERROR_CHARS], line
