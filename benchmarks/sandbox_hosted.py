"""A system in its own process, and what it costs there."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import atlas
from cpu_meter import Meter, meter
from sandbox_peers.case import Case

_FOLDER = Path(__file__).resolve().parent
_SOURCES = Path(atlas.__file__).resolve().parents[1]


@dataclass(frozen=True)
class System:
    """Where a peer's class is and what it is given. ``python`` is the interpreter's command line."""

    name: str
    module: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    python: tuple[str, ...] = (sys.executable,)


@dataclass(frozen=True)
class Sample:
    """One round of one system: CPU and wall seconds over all cases, and its verdicts."""

    cpu_s: float
    wall_s: float
    passed: list[bool]


class Hosted:
    """A started system; measure it as often as you like."""

    def __init__(self, system: System, cases: Sequence[Case], workers: int) -> None:
        self.system = system
        command = [*system.python, "-m", "sandbox_peers.host", system.module, system.kind, json.dumps(system.options)]
        self._process = subprocess.Popen(
            command,
            cwd=_FOLDER,
            env={**os.environ, "PYTHONPATH": f"{_FOLDER}:{_SOURCES}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._meter: Meter = meter(self._process.pid)
        self.how = self._meter.how
        try:
            self.tier = self._ask(do="start", workers=workers, cases=[case.text() for case in cases])["tier"]
        except BaseException:
            self.close()
            raise

    def sample(self) -> Sample:
        """Judge all cases once."""
        before = self._meter.seconds()
        said = self._ask(do="judge")
        return Sample(self._meter.seconds() - before, said["seconds"], said["passed"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._meter.close()

    def _ask(self, **message: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended, as the missing answer shows
            print(json.dumps(message), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.system.name} ended; see above")
        return json.loads(line)
