"""A fresh interpreter for each program, which judges itself by asserts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox_peers.case import Case
from sandbox_peers.host import in_threads

_LIMIT_S = 10.0
_PYTHON = str(Path(getattr(sys, "_base_executable", None) or sys.executable).resolve())


class Subprocess:
    """``python -I``, which isolates nothing; ``-S``, or ``.pth`` files of the environment would be measured."""

    command: tuple[str, ...] = ()

    def start(self, workers: int) -> None:
        self._workers = workers

    def judge(self, cases: Sequence[Case]) -> list[bool]:
        return in_threads(self._passes, cases, self._workers)

    def close(self) -> None:
        pass

    def _passes(self, case: Case) -> bool:
        command = [*self.command, _PYTHON, "-I", "-S", "-"]
        try:
            done = subprocess.run(
                command, input=case.with_asserts().encode(), capture_output=True, timeout=_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0
