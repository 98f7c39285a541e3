"""Calls of a program from another process: the checker's side, which holds expected values, and the
program's side.

Arguments and results cross as tagged data over a stream, each message behind its length. The checker
decodes strictly, so all that a program can send is a plain value, or the name of an exception.
"""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Callable
from typing import Any

from atlas.compare import codec
from atlas.sandbox.box import program

FILENAME = "<check>"
_MAX_BYTES = 16 << 20
_MAX_NAME = 80
_MAX_MESSAGE = 500


class ProgramError(Exception):
    """The program raised something that is no built-in exception."""


class ProgramLost(BaseException):
    """The program's process ended or sent nonsense. No Exception: a check that expects one must not pass
    by this.
    """


def serve(channel: int, function: Callable[..., Any]) -> None:
    """Answer calls of ``function`` until the checker ends."""
    try:
        while (data := _receive(channel)) is not None:
            arguments, keywords = codec.loads(data)
            _send(channel, json.dumps(_call(function, arguments, keywords)).encode())
    except OSError:
        return  # the checker has ended, or the program closed the channel: the checker's side says what that means


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> list[Any]:
    try:
        return ["value", codec.encode(function(*arguments, **keywords))]
    except codec.CodecError as error:
        return ["bad_value", str(error)]
    except MemoryError:
        raise  # a limit of this process and no answer
    except Exception as error:  # noqa: BLE001  (whatever it is, the check decides)
        text, _ = program.describe(error)
        return ["raised", type(error).__name__, text.partition(": ")[2], _arguments(error)]


def _arguments(error: Exception) -> codec.Tagged:
    """Return what the exception was made with, None if that is no plain data."""
    try:
        return codec.encode(list(error.args))
    except Exception:  # noqa: BLE001  (args may be the program's own code)
        return None


def check(channel: int, code: str, entry: str) -> None:
    """Run check code: its ``check(candidate)`` if it defines one, else the code itself; returns if it
    passes.
    """
    candidate = _candidate(channel)
    namespace = program.module("check")
    namespace[entry] = candidate
    namespace["candidate"] = candidate
    program.execute(code, namespace, FILENAME)
    # Test code may bring the statement's own stub of the function along; its name means the program's by now.
    namespace[entry] = candidate
    if "check" in namespace:
        namespace["check"](candidate)


def _candidate(channel: int) -> Callable[..., Any]:
    def candidate(*arguments: Any, **keywords: Any) -> Any:
        try:
            _send(channel, codec.dumps((arguments, keywords)).encode())
            data = _receive(channel)
        except OSError as error:
            raise ProgramLost("the program ended") from error
        if data is None:
            raise ProgramLost("the program ended")
        return _outcome(data)

    return candidate


_ENDS = (StopIteration, StopAsyncIteration)


def _outcome(data: bytes) -> Any:
    try:
        match codec.parse(data):
            case ["value", tagged]:
                return codec.decode(tagged)
            case ["raised", str(name), str(message), arguments]:
                raise _exception(name[:_MAX_NAME], message[:_MAX_MESSAGE], arguments)
            case ["bad_value", str(message)]:
                raise TypeError(message[:_MAX_MESSAGE])
            case _:
                raise ProgramLost("the program sent nonsense")
    except codec.CodecError as error:
        raise ProgramLost("the program sent nonsense") from error


def _exception(name: str, message: str, arguments: codec.Tagged) -> Exception:
    """Make the built-in exception of that name again; anything else is a ProgramError.

    So is the end of an iteration: a check that maps or zips over the program would take it for the end of its own.
    """
    kind = getattr(builtins, name, None)
    # SystemExit and its like are no Exceptions.
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, _ENDS):
        try:
            return kind(*codec.decode(arguments)) if arguments is not None else kind(message)
        except TypeError:  # it wants other arguments than it was said to have
            return ProgramError(f"{name}: {message}")
    return ProgramError(f"{name}: {message}")


def _send(channel: int, data: bytes) -> None:
    view = memoryview(len(data).to_bytes(4, "little") + data)
    while view:
        view = view[os.write(channel, view) :]


def _receive(channel: int) -> bytes | None:
    """Return the next message, None at the end of the stream."""
    header = _exactly(channel, 4)
    if header is None:
        return None
    length = int.from_bytes(header, "little")
    if length > _MAX_BYTES:
        raise OSError("message over its bound")
    return _exactly(channel, length)


def _exactly(channel: int, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(channel, min(count - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)
