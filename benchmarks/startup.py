"""How long ``atlas --help`` takes, beside a bare start of the interpreter, in turn and in one run.

    python benchmarks/startup.py

Prints medians in seconds, then one JSON line with the ratio.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 21


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    atlas = [str(Path(sys.executable).parent / "atlas"), "--help"]
    bare = [sys.executable, "-c", "pass"]
    pairs = [(seconds(atlas), seconds(bare)) for _ in range(RUNS)][1:]
    help_s = statistics.median(a for a, _ in pairs)
    bare_s = statistics.median(b for _, b in pairs)
    print(f"atlas --help  {help_s:.3f} s\nbare python   {bare_s:.3f} s  (median of {len(pairs)} pairs)")
    ratio = statistics.median(a / b for a, b in pairs)
    print(json.dumps({"help_s": round(help_s, 3), "bare_s": round(bare_s, 3), "ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
