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
_MAX_MESSAGE = 500


class ProgramError(Exception):
    """The program raised something that is no built-in exception."""


class ProgramLost(BaseException):
    """The program's process ended or sent nonsense. No Exception: a check that expects one must not pass
    by this.
    """


def serve(channel: int, function: Callable[..., Any]) -> None:
    """Answer calls of ``function`` until the checker ends."""
    while (data := _receive(channel)) is not None:
        arguments, keywords = codec.loads(data)
        try:
            reply = ["value", codec.encode(function(*arguments, **keywords))]
        except codec.CodecError as error:
            reply = ["bad_value", str(error)]
        except Exception as error:  # noqa: BLE001  (whatever it is, the check decides)
            text, _ = program.describe(error)
            reply = ["raised", type(error).__name__, text.partition(": ")[2]]
        _send(channel, json.dumps(reply).encode())


def check(channel: int, code: str, entry: str) -> None:
    """Run check code: its ``check(candidate)`` if it defines one, else the code itself; returns if it
    passes.
    """
    candidate = _candidate(channel)
    namespace = program.module("check")
    namespace[entry] = candidate
    namespace["candidate"] = candidate
    program.execute(code, namespace, FILENAME)
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


def _outcome(data: bytes) -> Any:
    try:
        match codec.parse(data):
            case ["value", tagged]:
                return codec.decode(tagged)
            case ["raised", str(name), str(message)]:
                raise _exception(name)(message[:_MAX_MESSAGE])
            case ["bad_value", str(message)]:
                raise TypeError(message[:_MAX_MESSAGE])
            case _:
                raise ProgramLost("the program sent nonsense")
    except codec.CodecError as error:
        raise ProgramLost("the program sent nonsense") from error


def _exception(name: str) -> Callable[[str], Exception]:
    kind = getattr(builtins, name, None)
    # SystemExit and its like are no Exceptions; UnicodeError's children want more than a message.
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError):
        return kind
    return lambda message: ProgramError(f"{name[:80]}: {message}")


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
