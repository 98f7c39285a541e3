"""The shipped model's tokenizer: byte-level BPE that llama.cpp reproduces exactly (``pre=gpt-2``).

Digits are never merged, so that arithmetic is seen digit by digit: training splits them off, and merges learned
that way cannot join them at inference either.

    python -m training.tokenizer --out training/out/tokenizer.json
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training.notation import LABELS
from training.samples import Sample, samples
from training.spelling import parts, pieces, units, visible

SPECIALS: Final = ("<|end|>", "<|user|>", "<|assistant|>")
TAGS: Final = ("<think>", "</think>")
"""Plain text that is one token each."""
VOCABULARY: Final = 2048
"""Tokens, at most."""
CHAT_TEMPLATE: Final = (
    "{% for m in messages %}"
    "{{ '<|assistant|>' if m['role'] == 'assistant' else '<|user|>' }}{{ m['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% if enable_thinking %}<think>\n{% endif %}{% endif %}"
)


def train_tokenizer(seed: int, count: int) -> Tokenizer:
    """Learn the merges from ``count`` generated samples."""
    drawn = islice(samples(Random(f"tokenizer-{seed}")), count)
    texts = (text for s in drawn for text in (s.prompt, visible(s.reply)))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(LABELS),
        special_tokens=[*SPECIALS, *TAGS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = byte_level()  # what llama.cpp does
    return _with_labels(tokenizer)


def _with_labels(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with a token for every label of traces, a space and a letter."""
    state = json.loads(tokenizer.to_str())
    vocabulary, merges = state["model"]["vocab"], state["model"]["merges"]
    for letter in LABELS:
        if f"Ġ{letter}" not in vocabulary:
            vocabulary[f"Ġ{letter}"] = len(vocabulary)
            merges.append(["Ġ", letter])
    return Tokenizer.from_str(json.dumps(state))


def byte_level() -> pre_tokenizers.PreTokenizer:
    """GPT-2's pre-tokenizer."""
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of a piece of text, with marks of spelling (``training.spelling``)."""
    ids: list[int] = []
    for part, is_spelled in parts(text):
        if is_spelled:
            ids += [tokenizer.token_to_id(unit.replace(" ", "Ġ").replace("\n", "Ċ")) for unit in units(part)]
        else:
            ids += tokenizer.encode(part, add_special_tokens=False).ids
    return ids


def encode_chat(tokenizer: Tokenizer, sample: Sample) -> tuple[list[int], list[bool]]:
    """Token ids of one exchange, and which are learned: not the prompt's, nor what the reply is given."""
    end, user, assistant = range(len(SPECIALS))
    ids = [user, *encode(tokenizer, sample.prompt), end, assistant]
    learned = [False] * len(ids)
    for piece, is_learned in pieces(sample.reply):
        more = encode(tokenizer, piece)
        ids += more
        learned += [is_learned] * len(more)
    return [*ids, end], [*learned, True]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("training/out/tokenizer.json"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=20_000)
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(args.seed, args.samples)
    tokenizer.save(str(args.out))
    print(f"{tokenizer.get_vocab_size()} tokens in {args.out}")


if __name__ == "__main__":
    main()
