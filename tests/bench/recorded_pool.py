"""Small pools for the tests: made by the real recorder, or row by row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from atlas.bench.replay.record import Sampled

RIGHT = "def double(x: int) -> int:\n    return 2 * x\n"
SQUARE = "def double(x: int) -> int:\n    return x * x\n"
WRONG = "def double(x: int) -> int:\n    return 2 * x + (x > 3)\n"
BROKEN = "def double(x: int) -> int:\n    retrun 2\n"
SLOW = "def double(x: int) -> int:\n    while True:\n        pass\n"
CHECK = "def check(candidate):\n    assert candidate(7) == 14\n    assert candidate(0) == 0\n"
PROMPT = 'def double(x: int) -> int:\n    """Twice x.\n\n    >>> double(2)\n    4\n    """\n'


def doubles(id: str = "own/0", programs: tuple[str, ...] = (RIGHT, SQUARE, RIGHT, WRONG, BROKEN)) -> Sampled:
    return Sampled(
        id=id,
        prompt=PROMPT,
        entry_point="double",
        programs=programs,
        tests=(("assert double(2) == 4", "assert double(5) == 10"), ("assert double(5) == 11",), ()),
        check=CHECK,
    )


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path
