"""The process in which one system is measured: it is sent cases once, and then told to judge them again and again.

    python -m sandbox_peers.host MODULE CLASS OPTIONS

reads one JSON object a line on standard input and answers each with one on standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from sandbox_peers.case import Case


class Peer(Protocol):
    """A system under measurement."""

    def start(self, workers: int) -> None:
        """Get ready; what is done here is not measured."""
        ...

    def judge(self, cases: Sequence[Case]) -> list[bool]:
        """Whether each program passes, ``workers`` at a time."""
        ...

    def close(self) -> None:
        """End everything that was started."""
        ...


def in_threads(check: Callable[[Case], bool], cases: Sequence[Case], workers: int) -> list[bool]:
    """``check`` of each case, in as many threads as there are workers; one worker needs none."""
    if workers == 1:
        return [check(case) for case in cases]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(check, cases))


def main() -> None:
    module, name, options = sys.argv[1:]
    peer: Peer = getattr(importlib.import_module(f"sandbox_peers.{module}"), name)(**json.loads(options))
    # What programs print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        print(json.dumps(_answer(peer, json.loads(line))), file=answers, flush=True)
    peer.close()


def _answer(peer: Peer, message: dict[str, Any]) -> dict[str, Any]:
    global _cases  # noqa: PLW0603  (this process has one peer and one set of cases)
    match message["do"]:
        case "start":
            _cases = [Case.of(text) for text in message["cases"]]
            peer.start(message["workers"])
            peer.judge(_cases[:2])
            return {"tier": getattr(peer, "tier", None)}
        case "judge":
            began = time.perf_counter()
            passed = peer.judge(_cases)
            return {"seconds": time.perf_counter() - began, "passed": passed}
        case other:
            raise ValueError(f"no such request: {other}")


_cases: list[Case] = []

if __name__ == "__main__":
    main()
