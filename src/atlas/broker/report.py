"""What a queue has seen: how busy the slots were, what came from the cache, what was cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from atlas.llm.types import Reply


@dataclass(frozen=True, slots=True)
class Report:
    """Sums since the first request was sent.

    Times are slot-seconds, so ``busy_s + idle_s + blocked_s`` is ``slots * seconds``: slots that worked; that had
    nothing to do, because too little was asked for at the same time; and that were free while requests waited, whose
    KV cells others held. ``truncated`` completions ended at their limit of tokens. ``withdrawn`` requests were given up
    before they were sent in full; ``broken_off`` HTTP requests brought no reply.
    """

    slots: int
    seconds: float = 0.0
    busy_s: float = 0.0
    idle_s: float = 0.0
    blocked_s: float = 0.0
    completions: int = 0
    prompts: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    truncated: int = 0
    withdrawn: int = 0
    broken_off: int = 0


class Meter:
    """Adds up a ``Report``. ``clock`` is read for the report alone; nothing is decided by it."""

    def __init__(self, slots: int, clock: Callable[[], float]) -> None:
        self.sums = Report(slots)
        self._clock = clock
        self._at: float | None = None

    def pass_time(self, free: int, *, waiting: bool) -> None:
        """Account for the time since the last call, in which ``free`` slots were free: call it before that changes."""
        now, sums = self._clock(), self.sums
        passed = 0.0 if self._at is None else now - self._at
        self._at = now
        self.sums = replace(
            sums,
            seconds=sums.seconds + passed,
            busy_s=sums.busy_s + passed * (sums.slots - free),
            idle_s=sums.idle_s + passed * free * (not waiting),
            blocked_s=sums.blocked_s + passed * free * waiting,
        )

    def came(self, reply: Reply | None) -> None:
        """An HTTP request is over; None where it brought nothing."""
        sums = self.sums
        if reply is None:
            self.sums = replace(sums, broken_off=sums.broken_off + 1)
            return
        self.sums = replace(
            sums,
            completions=sums.completions + len(reply.completions),
            prompts=sums.prompts + 1,
            prompt_tokens=sums.prompt_tokens + reply.prompt_tokens,
            cached_tokens=sums.cached_tokens + reply.cached_tokens,
            generated_tokens=sums.generated_tokens + sum(c.tokens for c in reply.completions),
            truncated=sums.truncated + sum(c.finish == "length" for c in reply.completions),
        )

    def withdrawn(self) -> None:
        """A request was given up while it waited."""
        self.sums = replace(self.sums, withdrawn=self.sums.withdrawn + 1)
