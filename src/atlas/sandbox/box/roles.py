"""What a confined process does: run a program on inputs, serve calls of it, or check it from outside.

Records go to the result file, one JSON line an input: status, tagged value, error, line, where its output
stands, CPU time. A program can forge its own records; the judge believes them as it would believe the
program's return value.
"""

from __future__ import annotations

import atexit
import json
import marshal
import mmap
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from atlas.compare import codec
from atlas.sandbox.box import program, proxy, wire

_RECURSION_LIMIT = sys.getrecursionlimit()
_RESERVE = 8 << 20
_ENCODE: Callable[[Any, int], tuple[str, ...]] = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, None, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False
)
"""``json.dumps`` makes this anew each time, on pages of memory that a process has to copy for it."""


def reserve() -> mmap.mmap:
    """Return address space to give back when there is none left, so that a record can still be written."""
    return mmap.mmap(-1, _RESERVE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def play(page: mmap.mmap, reserve: mmap.mmap) -> None:
    """Read the request and do what it says; ``page`` is shared with the zygote."""
    request = marshal.loads(os.pread(wire.REQUEST, os.fstat(wire.REQUEST).st_size, 0))
    recorder = _Recorder(page, reserve)
    match request["role"]:
        case "calls":
            _run_calls(request, recorder)
        case "script":
            _run_script(request, recorder)
        case "serve":
            _serve(request, recorder)
        case "check":
            _check(request, recorder)
        case role:
            raise ValueError(f"no such role: {role}")


class _Recorder:
    """Runs one thing after another and writes a record of each."""

    def __init__(self, page: mmap.mmap, reserve: mmap.mmap) -> None:
        self.page = page
        self.reserve = reserve
        self.stage = -1

    def begin(self) -> None:
        """Start the clock of the next stage: loading is the first, then comes one for each input."""
        self.stage += 1
        self.cpu_ns = time.process_time_ns()
        self.thread_ns = time.thread_time_ns()
        self.wall_ns = time.monotonic_ns()
        self.outputs = _positions()
        wire.STAGE.pack_into(self.page, 0, self.stage, self.cpu_ns, self.wall_ns)

    def write(self, status: str, **fields: Any) -> None:
        """Write the record of the stage begun last."""
        program.flush()
        spans = [[a, b] for a, b in zip(self.outputs, _positions(), strict=True)]
        # The process's clock moves with the scheduler's ticks, the thread's is exact but leaves other
        # threads out.
        cpu_s = max(time.process_time_ns() - self.cpu_ns, time.thread_time_ns() - self.thread_ns) / 1e9
        wall_s = (time.monotonic_ns() - self.wall_ns) / 1e9
        record = {"status": status, "spans": spans, "cpu_s": cpu_s, "wall_s": wall_s, **fields}
        data = memoryview("".join(_ENCODE(record, 0)).encode() + b"\n")
        while data:
            data = data[os.write(wire.RESULT, data) :]

    def run(self, action: Callable[[], Any], filename: str = program.FILENAME) -> None:
        """Record what ``action`` returns or raises."""
        try:
            value = action()
            sys.setrecursionlimit(_RECURSION_LIMIT)
            tagged = codec.encode(value)
        except codec.CodecError as error:
            self.write("bad_value", error=f"BadValue: {error}")
        except MemoryError:
            self.reserve.close()
            self.write("memory_limit", error="MemoryError")
        except BaseException as error:  # noqa: BLE001  (SystemExit too: the judge asked for a value)
            text, line = program.describe(error, filename)
            self.write("exception", error=text, line=line)
        else:
            self.write("ok", value=tagged)


def _positions() -> tuple[int, int]:
    return os.lseek(wire.STDOUT, 0, os.SEEK_CUR), os.lseek(wire.STDERR, 0, os.SEEK_CUR)


def _run_calls(request: dict[str, Any], recorder: _Recorder) -> None:
    function = _load(request, recorder)
    if function is None:
        return
    for arguments in request["inputs"]:
        recorder.begin()
        random.seed(program.SEED)
        # Decoded for each call: the program may have changed the last one's in place.
        recorder.run(lambda tagged=arguments: function(*codec.decode(tagged)))


def _load(request: dict[str, Any], recorder: _Recorder) -> Any:
    """Return the program's function; None, with a record, if it cannot be loaded."""
    loaded: list[Any] = []
    recorder.begin()
    try:
        loaded.append(program.load(request["code"], request["entry"]))
    except MemoryError:
        recorder.reserve.close()
        recorder.write("memory_limit", error="MemoryError", loading=True)
    except BaseException as error:  # noqa: BLE001
        text, line = program.describe(error)
        recorder.write("no_load", error=text, line=line, loading=True)
    return loaded[0] if loaded else None


def _run_script(request: dict[str, Any], recorder: _Recorder) -> None:
    recorder.begin()
    namespace = program.module("__main__")
    try:
        code = compile(request["code"], program.FILENAME, "exec", dont_inherit=True)
    except Exception as error:  # noqa: BLE001  (SyntaxError, ValueError, RecursionError, MemoryError, ...)
        text, line = program.describe(error)
        recorder.write("no_load", error=text, line=line)
        return
    recorder.run(lambda: _as_main(code, namespace))


def _as_main(code: Any, namespace: dict[str, Any]) -> None:
    """Run as the interpreter runs a script: exit code 0 is success; threads are joined, exit handlers run."""
    try:
        exec(code, namespace)
    except SystemExit as stop:
        if stop.code not in {None, 0}:
            raise
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()  # type: ignore[attr-defined]


def _serve(request: dict[str, Any], recorder: _Recorder) -> None:
    function = _load(request, recorder)
    if function is not None:
        recorder.begin()
        recorder.run(lambda: proxy.serve(wire.CHANNEL, function))


def _check(request: dict[str, Any], recorder: _Recorder) -> None:
    recorder.begin()
    recorder.run(lambda: proxy.check(wire.CHANNEL, request["code"], request["entry"]), filename=proxy.FILENAME)
