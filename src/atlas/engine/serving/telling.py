"""What a llama.cpp server tells of itself: in its log while it loads, at ``/metrics`` while it works."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

_CACHE = re.compile(r"llama_kv_cache: size = .*\bK \((\w+)\):.*\bV \((\w+)\):")
_FLASH = re.compile(r"(?:flash_attn\s+= |Flash Attention (?:was auto, set to )?)(enabled|disabled)")
_REFUSED = re.compile(r"cache type|V cache|flash_attn|Flash Attention", re.IGNORECASE)
_NUMBER = re.compile(r"^llamacpp:(\w+) ([\d.e+]+)$", re.MULTILINE)
_ANSWER_S = 4.0


class LoadLog:
    """The types of the cache and flash attention, as the model's first lines say; a draft's come after them."""

    def __init__(self) -> None:
        self.cache = ""
        self.flash = ""

    def read(self, line: str) -> None:
        """Take one line of the log."""
        if not self.cache and (found := _CACHE.search(line)):
            self.cache = found[1] if found[1] == found[2] else f"{found[1]}/{found[2]}"
        if not self.flash and (found := _FLASH.search(line)):
            self.flash = found[1]


def refuses_cache(reason: str) -> bool:
    """Whether an engine that did not start says that it was for the type of the cache."""
    return _REFUSED.search(reason) is not None


@dataclass(frozen=True, slots=True)
class Work:
    """Counted since the server's start: generated tokens, and seconds of generating, over requests that ended."""

    tokens: float
    seconds: float
    busy: int
    """Requests that are worked on now."""


async def work(port: int) -> Work | None:
    """Ask the server; None where it does not answer in time or does not tell."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    told = {name: float(value) for name, value in _NUMBER.findall(answer.decode(errors="replace").replace("\r", ""))}
    try:
        return Work(
            told["tokens_predicted_total"], told["tokens_predicted_seconds_total"], int(told["requests_processing"])
        )
    except KeyError:
        return None
