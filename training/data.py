"""Write tokenized training samples to one ``.npz`` file.

python -m training.data --tokens 20000000 --out training/out/data.npz
"""

from __future__ import annotations

import argparse
import json
import time
from array import array
from itertools import islice
from multiprocessing import Pool
from pathlib import Path
from random import Random

import numpy as np
from tokenizers import Tokenizer

from training.samples import LENGTHS, SHORT, Sample, samples
from training.tokenizer import encode_chat

CHUNK = 500
MAX_TOKENS = 768


def chunk(work: tuple[str, int, int, bool, float, tuple[str, ...]]) -> list[tuple[list[int], list[bool]]]:
    """``CHUNK`` encoded samples; a function of the seed, the chunk's number and the stage alone."""
    path, seed, number, short, drills, weak = work
    tokenizer = Tokenizer.from_file(path)
    rng = Random(f"samples-{seed}-{number}")
    encoded = (
        encode_chat(tokenizer, s) for s in islice(samples(rng, SHORT if short else LENGTHS, drills, weak), CHUNK)
    )
    return [(ids, learned) for ids, learned in encoded if len(ids) <= MAX_TOKENS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, default=Path("training/out/tokenizer.json"))
    parser.add_argument("--out", type=Path, default=Path("training/out/data.npz"))
    parser.add_argument("--tokens", type=int, default=20_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="mostly few steps, for the first stage")
    parser.add_argument("--drills", type=float, default=0.0, help="share of draws that are drills (training.samples)")
    parser.add_argument("--weak", type=Path, help="names of steps to drill more often (training.weak)")
    parser.add_argument("--also", type=Path, help="samples of training.onpolicy, added once each")
    args = parser.parse_args()
    weak = tuple(args.weak.read_text().split()) if args.weak else ()
    ids, lengths, learned = array("H"), array("H"), bytearray()

    def add(sample_ids: list[int], is_learned: list[bool]) -> None:
        ids.extend(sample_ids)
        lengths.append(len(sample_ids))
        learned.extend(is_learned)

    started = shown = time.monotonic()
    with Pool(args.workers) as pool:
        # Enough even at 100 tokens a sample: imap runs ahead of what is taken, and must not do so for ever.
        chunks = range(args.tokens // (100 * CHUNK) + 2)
        for made in pool.imap(
            chunk, ((str(args.tokenizer), args.seed, n, args.short, args.drills, weak) for n in chunks)
        ):
            for one in made:
                add(*one)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"{len(ids) / 1e6:.1f}M tokens, {len(lengths)} samples, {shown - started:.0f} s", flush=True)
            if len(ids) >= args.tokens:
                break
        pool.terminate()
    if args.also is not None:
        tokenizer = Tokenizer.from_file(str(args.tokenizer))
        for line in args.also.read_text(encoding="utf-8").splitlines():
            own = encode_chat(tokenizer, Sample(**json.loads(line)))
            if len(own[0]) <= MAX_TOKENS:
                add(*own)
    np.savez(args.out, ids=np.array(ids), lengths=np.array(lengths), learned=np.frombuffer(learned, dtype=bool))
    print(f"{len(ids)} tokens, {sum(learned)} of them learned, in {len(lengths)} samples: {args.out}")


if __name__ == "__main__":
    main()
