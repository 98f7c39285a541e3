"""Speed as a user feels it: until the first token, from token to token, until an answer is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atlas.bench.attempts import Attempt
from atlas.bench.records import Timing
from atlas.bench.stats import percentile


@dataclass(frozen=True, slots=True)
class Percentiles:
    """What 50, 90 and 99 of a hundred get or better, over ``n`` that were measured."""

    p50: float
    p90: float
    p99: float
    n: int


@dataclass(frozen=True, slots=True)
class Speed:
    """One arm; None where nothing was measured.

    * ``first_token``: seconds from a request to its first token, waiting for a slot included
    * ``token_rate``: tokens a second of one reply behind its first token; so much or more
    * ``answer``: seconds from a problem to any answer; ``verified``: to one that the hidden tests found right
    * ``throughput``: generated tokens a second over all requests in flight
    * ``requests`` were measured, of whose ``completions`` ``cut`` ended at their token limit; None where none was
    """

    first_token: Percentiles | None
    token_rate: Percentiles | None
    answer: Percentiles | None
    verified: Percentiles | None
    throughput: float | None
    requests: int | None
    completions: int | None
    cut: int | None


NO_SPEED = Speed(None, None, None, None, None, None, None, None)


def speed(timings: Sequence[Timing], attempts: Iterable[Attempt], tokens: int | None, seconds: float | None) -> Speed:
    """Of one arm, from its requests and attempts; it generated ``tokens`` in ``seconds`` (None: not known)."""
    answered = [a for a in attempts if a.seconds is not None and a.outcome not in ("no program", "infrastructure")]
    return Speed(
        first_token=_percentiles([t.first_token_s for t in timings if t.first_token_s is not None]),
        token_rate=_rates([rate for t in timings if (rate := _rate(t)) is not None]),
        answer=_percentiles([a.seconds for a in answered if a.seconds is not None]),
        verified=_percentiles([a.seconds for a in answered if a.seconds is not None and a.outcome == "right"]),
        throughput=tokens / seconds if tokens is not None and seconds else None,
        requests=len(timings),
        completions=sum(t.completions for t in timings),
        cut=sum(t.cut for t in timings),
    )


def _rate(timing: Timing) -> float | None:
    """Tokens a second of one of the request's replies; None for replies too short to tell."""
    if timing.first_token_s is None or not timing.completions:
        return None
    behind, span = timing.tokens / timing.completions - 1, timing.seconds - timing.first_token_s
    return behind / span if behind >= 1 and span > 0 else None


def _percentiles(values: Sequence[float]) -> Percentiles | None:
    if not values:
        return None
    return Percentiles(*(percentile(values, share) for share in (0.5, 0.9, 0.99)), n=len(values))


def _rates(values: Sequence[float]) -> Percentiles | None:
    """Of what is better the larger it is."""
    found = _percentiles([-value for value in values])
    return None if found is None else Percentiles(-found.p50, -found.p90, -found.p99, found.n)
