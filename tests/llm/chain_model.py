"""A Llama as a GGUF file whose next token depends on the current one only, as a test tells it: a real engine that says
what is expected of it.
"""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np

CONTROL = ("<|end|>", "<|user|>", "<|assistant|>")
CONTEXT = 512


def write_chain_model(path: Path, template: str, follows: Mapping[str, str]) -> Path:
    """Write the model: after each token of ``follows`` comes its value; after any other, the end."""
    tokens = [*_byte_symbols(), "th", *CONTROL]
    kinds = [gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * len(CONTROL)
    shown = {chr(b): s for b, s in zip(range(256), tokens, strict=False) if b < 128}
    place = {char: tokens.index(symbol) for char, symbol in shown.items()} | {c: tokens.index(c) for c in CONTROL}
    for word in dict.fromkeys([*follows, *follows.values()]):
        if word not in place:
            place[word] = len(tokens)
            tokens.append(word)
            kinds.append(gguf.TokenType.USER_DEFINED)
    width = len(tokens) + len(tokens) % 2
    after = np.full(len(tokens), place["<|end|>"])
    for word, following in follows.items():
        after[place[word]] = place[following]
    output = np.zeros((len(tokens), width), np.float32)
    output[after, np.arange(len(tokens))] = 3.0
    _write(path, template, tokens, kinds, width, output)
    return path


def _byte_symbols() -> list[str]:
    """The 256 printable stand-ins of GPT-2's byte-level BPE, by byte."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(256, 512))
    return [chr(b) if b in shown else chr(next(hidden)) for b in range(256)]


def _write(
    path: Path, template: str, tokens: list[str], kinds: list[gguf.TokenType], width: int, output: np.ndarray
) -> None:
    w = gguf.GGUFWriter(path, "llama")
    w.add_name("chain")
    w.add_context_length(CONTEXT)
    w.add_embedding_length(width)
    w.add_block_count(1)
    w.add_feed_forward_length(8)
    w.add_head_count(1)
    w.add_head_count_kv(1)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(width)
    w.add_vocab_size(len(tokens))
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    w.add_token_merges(["t h"])
    w.add_eos_token_id(tokens.index("<|end|>"))
    w.add_eot_token_id(tokens.index("<|end|>"))
    w.add_add_bos_token(False)
    w.add_chat_template(template)
    ones = np.ones(width, np.float32)
    w.add_tensor("token_embd.weight", np.eye(len(tokens), width, dtype=np.float32))
    w.add_tensor("output_norm.weight", ones)
    w.add_tensor("output.weight", output)
    # Layers that add nothing: what goes in comes out.
    for name in ("attn_norm", "ffn_norm"):
        w.add_tensor(f"blk.0.{name}.weight", ones)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        w.add_tensor(f"blk.0.{name}.weight", np.zeros((width, width), np.float32))
    for name, shape in (("ffn_gate", (8, width)), ("ffn_up", (8, width)), ("ffn_down", (width, 8))):
        w.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
