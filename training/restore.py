"""Make a checkpoint and a tokenizer file of an exported model, so that its training can go on.

    python -m training.restore --model src/atlas/engine/nano/nano.gguf --out training/out/model.pt

The weights are those of Q8_0, hardly different; the optimizers start afresh.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models

from training.export import PARTS
from training.model import Config
from training.tokenizer import SPECIALS, TAGS, byte_level


def tokenizer(reader: gguf.GGUFReader) -> Tokenizer:
    """The tokenizer whose tokens and merges the file holds."""
    tokens: list[str] = _field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(m.split(" ")) for m in _field(reader, "tokenizer.ggml.merges")]
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = byte_level()
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in (*SPECIALS, *TAGS)])
    return made


def state(reader: gguf.GGUFReader) -> dict[str, Any]:
    """A checkpoint of ``training.train`` at step 0 without optimizers."""

    def number(key: str) -> int:
        return int(_field(reader, f"llama.{key}"))

    config = Config(
        width=number("embedding_length"),
        layers=number("block_count"),
        heads=number("attention.head_count"),
        hidden=number("feed_forward_length"),
        context=number("context_length"),
    )
    names = {"token_embd.weight": "embed.weight", "output_norm.weight": "norm.weight"}
    names |= {f"blk.{i}.{p}.weight": f"blocks.{i}.{p}.weight" for i in range(config.layers) for p in PARTS}
    weights = {
        names[t.name]: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32).copy())
        for t in reader.tensors
    }
    average = {name: w.clone() for name, w in weights.items()}
    return {"config": config.as_dict(), "model": weights, "average": average, "step": 0, "trained": 0, "seconds": 0.0}


def _field(reader: gguf.GGUFReader, name: str) -> Any:
    found = reader.get_field(name)
    if found is None:
        raise SystemExit(f"the file has no {name}")
    return found.contents()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("src/atlas/engine/nano/nano.gguf"))
    parser.add_argument("--out", type=Path, default=Path("training/out/model.pt"))
    args = parser.parse_args()
    reader = gguf.GGUFReader(args.model)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer(reader).save(str(args.out.parent / "tokenizer.json"))
    torch.save(state(reader), args.out)
    print(f"{args.out} and {args.out.parent / 'tokenizer.json'}")


if __name__ == "__main__":
    main()
