"""The mix beside processes that compute without end, four to each core: what that does to the verdicts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sandbox_hosted import System
from sandbox_peers.case import Case
from sandbox_rounds import Measured, measure
from sandbox_tables import table

TIMES = 4
"""Busy processes a core."""

_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**6): pass"


@contextmanager
def _load() -> Iterator[None]:
    code = [sys.executable, "-S", "-c", _BUSY]
    busy = [subprocess.Popen(code) for _ in range(TIMES * len(os.sched_getaffinity(0)))]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure_loaded(systems: Sequence[System], cases: Sequence[Case], workers: int) -> list[Measured]:
    """Judge ``cases`` by each system once, beside the load."""
    with _load():
        return measure(systems, cases, workers, rounds=1)


def load_table(measured: Sequence[Measured], cases: Sequence[Case]) -> str:
    """How many verdicts the load changed; without it they are in the mix's table."""
    problems = len({case.problem for case in cases})
    title = f"{len(cases)} candidates for {problems} problems beside {TIMES} busy processes a core, one round\n"
    rows = [[m.name, f"{m.cpu_s()[1]:.2f}", f"{m.wall_s()[1]:.1f}", str(m.misjudged)] for m in measured]
    return "\n".join([title, table(["system", "CPU s", "seconds", "misjudged"], rows)])
