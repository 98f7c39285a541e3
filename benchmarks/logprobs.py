"""What the log-probability of each token costs: llama.cpp sorts its whole vocabulary for it.

    python benchmarks/logprobs.py

The same replies with and without, by turns, from the shipped model (2,048 tokens in its vocabulary) and from one with
random weights and the vocabulary of Qwen3 (151,936), two of its layers: what is added does not hang on the layers.
Milliseconds are the engine's processor time for a token, the median over turns, which is also the time that each slot
adds to a step, as the sampling of all slots is done one after another. Prints a table, then one JSON line; both are
kept in ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.token_price import priced, table

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = priced({"logprobs": True, "top_logprobs": 1}, "logprobs")
    lines = table(rows)
    RESULTS.joinpath("logprobs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    RESULTS.joinpath("logprobs.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
