"""What of a sample is learned, token by token; needs the extra ``train``."""

from __future__ import annotations

from itertools import compress
from random import Random

import pytest
from training.samples import Sample, samples
from training.spelling import given, pieces, spelled, visible

pytest.importorskip("tokenizers", reason="needs the extra `train`")

from tokenizers import Tokenizer
from training.tokenizer import SPECIALS, encode_chat, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(seed=1, count=40)


def text(tokenizer: Tokenizer, ids: list[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False)


def test_the_prompt_and_what_is_given_are_read_and_the_rest_is_learned(tokenizer: Tokenizer) -> None:
    shown, last = given("#" + spelled(" ") + "add 2:"), given("# double:")
    reply = shown + spelled(" 5+2=7;7") + "\n" + last + spelled(" 14")
    ids, learned = encode_chat(tokenizer, Sample("steps", "Work it out.", reply))
    end, user, assistant = SPECIALS
    assert text(tokenizer, ids) == f"{user}Work it out.{end}{assistant}# add 2: 5+2=7;7\n# double: 14{end}"
    assert text(tokenizer, list(compress(ids, learned))) == f" 5+2=7;7\n 14{end}"


def test_of_every_sample_as_much_is_marked_as_there_are_tokens(tokenizer: Tokenizer) -> None:
    drawn = samples(Random(11), drills=0.6, weak=["ints_sort"])
    for sample, _ in zip(drawn, range(150), strict=False):
        ids, learned = encode_chat(tokenizer, sample)
        assert len(ids) == len(learned)
        told = text(tokenizer, list(compress(ids, learned)))
        assert told == visible("".join(piece for piece, is_learned in pieces(sample.reply) if is_learned)) + SPECIALS[0]
