"""EvalPlus' own ``untrusted_check`` (Liu et al. 2023, arXiv 2305.01210), stopping at the first failure as its
command does.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from evalplus.eval import PASS, untrusted_check

from sandbox_peers.case import Case


class EvalPlus:
    """Its default limit is 1 s an input, and its pool is one of processes."""

    def start(self, workers: int) -> None:
        self._pool = ProcessPoolExecutor(workers) if workers > 1 else None

    def judge(self, cases: Sequence[Case]) -> list[bool]:
        return list(self._pool.map(_passes, cases)) if self._pool else [_passes(case) for case in cases]

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown()


def _passes(case: Case) -> bool:
    times = [0.0] * len(case.calls)  # of the reference: so short that the default limit holds
    status, _ = untrusted_check("", case.code, case.calls, case.entry, case.expected, 0, times, fast_check=True)
    return status == PASS
