"""The learning curve of a training log, for the model's card: mean loss of the replies' tokens, by tokens trained on.

python -m training.curve training/out/train.log --every 4
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


def curve(lines: Iterable[str], every: float) -> list[tuple[float, float]]:
    """(millions of tokens at the end of a stretch, mean loss in it); what a resumed training repeats counts once."""
    latest: dict[int, tuple[int, float]] = {}
    for line in lines:
        if line.startswith("{"):
            entry = json.loads(line)
            # A checkpoint lies behind the log: going on from it trains the same steps again.
            latest = {step: seen for step, seen in latest.items() if step < entry["step"]}
            latest[entry["step"]] = entry["tokens"], entry["loss"]
    stretches: dict[int, list[float]] = defaultdict(list)
    for tokens, loss in latest.values():
        stretches[int(tokens / 1e6 // every)].append(loss)
    return [((n + 1) * every, sum(losses) / len(losses)) for n, losses in sorted(stretches.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--every", type=float, default=4.0, help="millions of tokens")
    args = parser.parse_args()
    found = curve(args.log.read_text().splitlines(), args.every)
    print("| million tokens, up to | " + " | ".join(f"{at:g}" for at, _ in found) + " |")
    print("|" + "---|" * (len(found) + 1))
    print("| loss | " + " | ".join(f"{loss:.2f}" for _, loss in found) + " |")


if __name__ == "__main__":
    main()
