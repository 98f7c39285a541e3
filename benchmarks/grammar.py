"""Whether a grammar would pay: what it could mend of a search's replies, and what it costs for each token.

    python benchmarks/grammar.py --from RUN     # a recorded run, such as that of benchmarks/ablation.py

A grammar keeps a reply to a form; it mends nothing that is cut off, and nothing that has its form and is wrong. So of
the run's requests, by kind, it is counted how many completions were asked for once more because nothing could be read
from them, and how many of these may have been whole: those are all that a grammar could mend, at most. Expected outputs
are asked for again where one of them is missing, too, or contradicts the statement, so their share is too high.

What it costs: the same requests with a grammar that forbids one character and without, by turns, from the shipped model
and from one with random weights and the vocabulary of Qwen3 (two layers: what is added does not hang on them). A model
that was trained proposes what is forbidden more seldom, so the second is dearer here than it would be. Milliseconds are
the engine's processor time for a token, the median over turns. Writes grammar.json and grammar.txt to
benchmarks/results/; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.token_price import priced, table

from atlas.bench import manifest as manifests
from atlas.bench.home import runs_root
from atlas.bench.spec import RunFiles
from atlas.errors import UsageError
from atlas.search.retry import cut_off
from atlas.search.session import move_of
from atlas.search.wire import reply_of
from atlas.store.tape import Tape, canonical

RESULTS = Path(__file__).parent / "results"
GRAMMAR = "root ::= [^`]*"
RETRY, AGAIN = "-retry", "expected.0.1"


def counted(root: Path) -> dict[str, dict[str, int]]:
    """By kind of request: ``completions``, those that were ``cut`` off, those asked for ``again``.

    ``whole`` is how many of the last can have been whole at most. What arms share is counted once.
    """
    files = RunFiles.at(root)
    spec = manifests.read_own(files).spec
    found: dict[str, Counter[str]] = {}
    seen: set[str] = set()
    for arm in spec.arms:
        for seed in spec.seeds:
            with Tape.open(files.tape(arm.name, seed), readonly=True) as tape:
                exchanges = {key: data for key, data in tape.records("exchange") if data["outcome"] == "reply"}
            for key, data in exchanges.items():
                same = canonical([seed, key, data["request"]])
                if key.endswith(RETRY) or same in seen:
                    continue
                seen.add(same)
                completions = reply_of(data["reply"]).completions
                row = found.setdefault(move_of(key) + _part(key), Counter())
                if key.endswith(AGAIN):  # what was missing or invalid, in as many replies
                    row.update({"again": len(completions), "whole": len(completions)})
                    continue
                cut = sum(map(cut_off, completions))
                tried = exchanges.get(key + RETRY)
                again = len(reply_of(tried["reply"]).completions) if tried else 0
                whole = min(again, len(completions) - cut)
                row.update({"completions": len(completions), "cut": cut, "again": again, "whole": whole})
    return {kind: dict(row) for kind, row in sorted(found.items())}


def _part(key: str) -> str:
    """What of its move a request is for, where that is no program; the key says it in place of a parent."""
    parent, index = key.split("/")[-2:]
    if parent in ("observations", "plan") or parent.endswith("-hint"):
        return f", {parent.rpartition('-')[2]}"
    return ", expected" if index.startswith("expected.") else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="recorded", type=Path, required=True, help="a recorded run's folder or id")
    args = parser.parse_args()
    try:
        kinds = counted(args.recorded if (args.recorded / "run.json").is_file() else runs_root() / args.recorded)
    except UsageError as error:
        sys.exit(f"grammar: {error}")
    costs = priced({"grammar": GRAMMAR}, "grammar")
    lines = [
        f"{'completions':<28} {'all':>8} {'cut off':>8} {'asked again':>12} {'of these whole, at most':>24} {'%':>6}"
    ]
    for kind, row in kinds.items():
        share = 100 * row["whole"] / max(row["completions"], 1)
        counts = f"{row['completions']:>8} {row['cut']:>8} {row['again']:>12} {row['whole']:>24}"
        lines.append(f"{kind:<28} {counts} {share:>6.2f}")
    lines += ["", *table(costs)]
    found = {"asked_again": kinds, "cost": costs}
    RESULTS.joinpath("grammar.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    RESULTS.joinpath("grammar.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
