"""How much of a prompt a server still holds from an earlier one."""

from __future__ import annotations

_BYTES_PER_TOKEN = 3
"""Few, so that a prompt's length is rather over- than underestimated; about one token a CJK character."""


def shared(a: str, b: str) -> int:
    """Characters that both texts begin with."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def tokens_at_most(text: str) -> int:
    """A prompt's length in tokens, before any server has counted it."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


class Slots:
    """Which prompt each slot works on, or held last while it is idle ("" before its first).

    A model of what llama.cpp does: a request goes to the idle slot that holds most of its prompt, else to the one left
    alone longest. Servers with one cache for all slots do no worse.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle = [""] * count  # the one left alone longest first
        self._busy: list[str] = []

    def held(self, prompt: str) -> int:
        """Characters of ``prompt`` that an idle slot holds, if they are the greater part: all prompts share a few."""
        return _greater_part(prompt, self._idle)

    def is_coming(self, prompt: str) -> bool:
        """Whether a busy slot will hold the greater part of ``prompt`` when it is done."""
        return _greater_part(prompt, self._busy) > 0

    def take(self, prompt: str) -> None:
        """An idle slot begins with ``prompt``; with none idle, the server has it wait for one."""
        if self._idle:
            self._idle.remove(max(self._idle, key=lambda other: shared(prompt, other)))
        self._busy.append(prompt)

    def leave(self, prompt: str) -> None:
        """A slot that worked on ``prompt`` is idle now."""
        self._busy.remove(prompt)
        if len(self._busy) < self._count:
            self._idle.append(prompt)


def _greater_part(prompt: str, others: list[str]) -> int:
    half = prompt[: len(prompt) // 2 + 1]
    return max((shared(prompt, other) for other in others if other.startswith(half)), default=0)
