"""A needle in code: a small function among the user's own source, whose value is asked for at the end.

After "Lost in the Middle" (arXiv 2307.03172), with code in place of prose. Its name and value are drawn, so that
neither can be known.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from atlas.errors import LLMError
from atlas.llm.types import Client, Message, Request, Sampling

Told = Callable[[int, int], None]
"""Told how many questions of how many are answered."""

DEPTHS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Where the needle is: shares of the context before it."""
_REPLY = 64
"""Tokens of an answer; a thought has to fit in them, too."""
_QUESTION = "\n\nWhat does the function {name}() above return? Answer with the number alone."
_PROBE = 2000
"""Characters from which it is measured how many make a token."""
_SPARE = 0.92
"""Share of the context that is filled: characters are not tokens."""
_WORDS = "harbor lantern meadow copper willow granite falcon ember".split()


@dataclass(frozen=True, slots=True)
class Needle:
    """A prompt, and the number that is right."""

    prompt: str
    value: str

    def found(self, reply: str) -> bool:
        """Whether the reply's last number is the value."""
        numbers = re.findall(r"\d+", reply)
        return bool(numbers) and numbers[-1] == self.value


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of ``asked`` needles at ``depth`` were found; ``tokens`` is the mean length of the prompts."""

    depth: float
    asked: int
    found: int
    tokens: float


def needle(text: str, characters: int, depth: float, seed: int) -> Needle:
    """A prompt of about ``characters`` with a needle at ``depth``.

    Args:
        text: source code, repeated where it is too short.
        characters: of the prompt.
        depth: share of the code before the needle, 0 to 1.
        seed: decides where the code begins, the name and the value.
    """
    random = Random(seed)
    name, value = (
        f"{random.choice(_WORDS)}_{random.choice(_WORDS)}_{random.randrange(100)}",
        random.randrange(10**4, 10**5),
    )
    question = _QUESTION.format(name=name)
    function = f"\n\ndef {name}():\n    return {value}\n\n\n"
    size = max(0, characters - len(question) - len(function))
    begin = random.randrange(len(text))
    code = (text[begin:] + "\n" + text * (size // len(text) + 1))[:size]
    at = code.rfind("\n", 0, max(1, int(depth * size))) + 1
    return Needle(code[:at] + function + code[at:] + question, str(value))


async def recall(
    client: Client,
    text: str,
    context: int,
    times: int,
    told: Told = lambda done, of: None,
    depths: Sequence[float] = DEPTHS,
) -> tuple[Recall, ...]:
    """Ask for ``times`` needles at each depth of a context of that many tokens.

    Args:
        client: an attached model.
        text: source code.
        context: tokens of prompt and answer.
        times: needles at each depth.
        told: of the progress.
        depths: shares of the code before the needle.

    Raises:
        LLMError: the server fails, or the prompts do not fit even when they are made shorter.
    """
    each = await _characters_a_token(client, text)
    characters = int(_SPARE * (context - _REPLY) * each)
    done, rows = 0, list[Recall]()
    for depth in depths:
        found, tokens = 0, 0
        for i in range(times):
            hidden, reply, length = await _ask(client, text, characters, depth, i)
            found, tokens, done = found + hidden.found(reply), tokens + length, done + 1
            told(done, times * len(depths))
        rows.append(Recall(depth, times, found, tokens / times))
    return tuple(rows)


async def _ask(client: Client, text: str, characters: int, depth: float, seed: int) -> tuple[Needle, str, int]:
    """One needle, the answer and the prompt's tokens; code of long tokens is cut until it fits."""
    while True:
        hidden = needle(text, characters, depth, seed)
        try:
            reply = await client.complete(_request(hidden.prompt, _REPLY))
        except LLMError:
            if characters < _PROBE:
                raise
            characters = int(0.8 * characters)
            await asyncio.sleep(0)
            continue
        return hidden, reply.completions[0].text, reply.prompt_tokens


async def _characters_a_token(client: Client, text: str) -> float:
    probe = (text * (_PROBE // len(text) + 1))[:_PROBE]
    for size in (_PROBE, _PROBE // 4):
        try:
            reply = await client.complete(_request(probe[:size], 1))
        except LLMError:
            continue
        return size / max(1, reply.prompt_tokens)
    return 1.0


def _request(prompt: str, tokens: int) -> Request:
    return Request((Message("user", prompt),), max_tokens=tokens, sampling=Sampling(temperature=0))
