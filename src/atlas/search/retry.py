"""A reply that is of no use, cut off or whole, is asked for once more, with a larger limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from atlas.llm.types import Client, Completion, Reply, Request, Sampling
from atlas.search.settings import derived_seed

Usable = Callable[[Completion], bool]
"""Whether a completion holds what it was asked for."""

CUT_OFF_HELPED = "a reply was cut off and was usable when asked again with more tokens"
CUT_OFF_TWICE = "a reply was cut off, and of no use when asked again with more tokens"
CUT_OFF_FULL = "a reply was cut off, and the context has no room for a longer one"
USELESS_HELPED = "a reply of no use was usable when asked again"
USELESS_TWICE = "a reply was of no use, and so was the one that was asked for in its place"


def limit_for_several(client: Client | None, request: Request) -> int:
    """The token limit of a reply that answers several questions: twice the request's where a context is known for it.

    Where none is known (models for sale) a server may refuse more than it can generate, so it stays as it is.
    """
    if client is None or client.capabilities.context is None:
        return request.max_tokens
    return larger_limit(client, request, None) or request.max_tokens


def larger_limit(client: Client | None, request: Request, reply: Reply | None) -> int:
    """Twice the request's token limit, or what the context leaves; 0 where that is not a quarter more at least.

    The context holds prompt, thought and answer, so the budget of a thought is no room for the answer. Without a
    ``reply`` the prompt's length is estimated.
    """
    limit = 2 * request.max_tokens
    if client is not None and client.capabilities.context is not None:
        # How many HTTP requests a reply took is chance, its prompt's length is not; a thought makes prompts differ.
        if reply is not None and reply.prompts > 0 and request.thinking is None:
            prompt = reply.prompt_tokens // reply.prompts
        else:
            prompt = sum(len(m.content) for m in request.messages) // 3
        thinking = request.thinking if client.capabilities.thinking != "none" else None
        thought = 0 if thinking is None else thinking.budget
        limit = min(limit, client.capabilities.context - prompt - thought)
    return limit if limit >= 1.25 * request.max_tokens else 0


def second_try(request: Request, first: Sequence[Completion], limit: int, sampling: Sampling) -> Request:
    """The request once more for the ``first`` completions, which were of no use, with ``limit`` tokens (0: as many).

    It is stopped by nothing: what was wrong with the first try may be that it was stopped too soon.
    Choice ``i`` is drawn with ``seed + i``: with the first try's seed, choice 0 would be its choice 0 over again, and
    count as another vote. What was greedy and ended by itself would come out the same again, so it is drawn by
    ``sampling``; not so where it may have been stopped.
    """
    seed = None if request.seed is None else derived_seed(request.seed, "retry")
    again = request.sampling.temperature == 0 and not request.stop and not all(map(cut_off, first))
    return replace(
        request,
        n=len(first),
        max_tokens=limit or request.max_tokens,
        seed=seed,
        stop=(),
        sampling=sampling if again else request.sampling,
    )


def cut_off(completion: Completion) -> bool:
    """Whether it ended at its token limit."""
    return completion.finish == "length"


def outcome(first: Completion, *, usable: bool) -> str:
    """What to say of a second try in place of ``first``."""
    if cut_off(first):
        return CUT_OFF_HELPED if usable else CUT_OFF_TWICE
    return USELESS_HELPED if usable else USELESS_TWICE
