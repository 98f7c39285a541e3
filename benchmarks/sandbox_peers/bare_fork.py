"""The floor: a warm interpreter that forks once a program and isolates nothing.

It has our nursery's modules, collected and frozen as there, and carries values in the same tagged form, so that what
our sandbox costs beyond it is the isolation and the way there. A worker forks by itself: there is no judge beside it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
from collections.abc import Sequence
from typing import Any

from atlas.compare import codec
from atlas.compare.rules import Rule, equal
from atlas.sandbox.box import warm
from sandbox_peers.case import Case


class BareFork:
    """A loop without end would not end here: it is measured on programs that have none."""

    def start(self, workers: int) -> None:
        self._workers = workers
        for name in warm.PRELOAD:
            importlib.import_module(name)
        warm.keep()

    def judge(self, cases: Sequence[Case]) -> list[bool]:
        if self._workers == 1:
            return [_passes(case) for case in cases]
        shares = [cases[at :: self._workers] for at in range(self._workers)]
        parts = [_in_worker(share) for share in shares]
        passed = [False] * len(cases)
        for at, (pid, reader) in enumerate(parts):
            passed[at :: self._workers] = json.loads(_read(reader))
            os.waitpid(pid, 0)
        return passed

    def close(self) -> None:
        pass


def _in_worker(cases: Sequence[Case]) -> tuple[int, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, json.dumps([_passes(case) for case in cases]).encode())
        os._exit(0)
    os.close(writer)
    return pid, reader


def _passes(case: Case) -> bool:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run(case, writer)
    os.close(writer)
    lines = _read(reader).splitlines()
    os.wait4(pid, 0)
    records = [codec.parse(line) for line in lines]
    rule = Rule("exact" if case.rule == "exact" else "python_eq")
    return len(records) == len(case.expected) and all(
        record["status"] == "ok" and equal(expected, codec.decode(record["value"]), rule)
        for record, expected in zip(records, case.expected, strict=True)
    )


def _run(case: Case, writer: int) -> None:
    gc.enable()
    try:
        namespace: dict[str, Any] = {}
        exec(compile(case.code, "<program>", "exec"), namespace)
        for args in case.calls:
            os.write(writer, json.dumps(_record(namespace[case.entry], args)).encode() + b"\n")
    finally:
        os._exit(0)


def _record(function: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    try:
        return {"status": "ok", "value": codec.encode(function(*args))}
    except Exception as error:  # noqa: BLE001  (whatever a program raises)
        return {"status": "exception", "error": repr(error)}


def _read(reader: int) -> bytes:
    with open(reader, "rb") as pipe:
        return pipe.read()
