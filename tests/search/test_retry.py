"""Replies of no use: asked for again once, counted always, and the same in a replay."""

from dataclasses import dataclass, replace
from typing import Literal

import pytest
from search_script import DOUBLE, ScriptedModel

from atlas.errors import ReplayError
from atlas.llm.types import Capabilities, Completion, Message, Reply, Request, Thinking
from atlas.problem import Usage
from atlas.search.moves.programs import GREEDY
from atlas.search.pool import Pool
from atlas.search.retry import (
    CUT_OFF_FULL,
    CUT_OFF_HELPED,
    CUT_OFF_TWICE,
    USELESS_HELPED,
    USELESS_TWICE,
    larger_limit,
    limit_for_several,
    second_try,
)
from atlas.search.session import Session
from atlas.search.settings import Settings, Tools
from atlas.store.tape import Tape

ASK = (Message("user", "Hello?"),)
KEY = "test/double/0/draft/-/0"


@dataclass
class Wordy(ScriptedModel):
    """Every word is a token; a reply ends at the request's limit."""

    context: int | None = None
    thinking: Literal["none", "tags"] = "none"

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, context=self.context, thinking=self.thinking)

    async def complete(self, request: Request) -> Reply:
        whole = await super().complete(request)
        made = [" ".join(c.text.split(" ")[: request.max_tokens]) for c in whole.completions]
        ends = [len(c.text.split(" ")) > request.max_tokens for c in whole.completions]
        cut = [Completion(t, "length" if e else "stop", len(t.split(" "))) for t, e in zip(made, ends, strict=True)]
        return replace(whole, completions=tuple(cut))


def session(tape: Tape, model: ScriptedModel | None, max_tokens: int = 4) -> Session:
    tools = Tools(tape, model, None, "replay" if model is None else "live")
    return Session(Pool(DOUBLE), tools, Settings(max_tokens=max_tokens))


def ends(completion: Completion) -> bool:
    return completion.text.endswith("end")


WORDS = ["a b c end", "a b c d e end", "a b c d e f g h i j end"]


async def test_only_what_was_cut_off_is_asked_again_once_with_twice_the_tokens() -> None:
    model = Wordy(lambda r, i: WORDS[i] if r.n == 3 else WORDS[1 + i])
    with Tape.memory() as tape:
        live = session(tape, model)
        reply = await live.ask(KEY, live.request(ASK, "draft", 0, n=3), ends)
        assert [(c.text, c.tokens) for c in reply.completions] == [
            ("a b c end", 4),
            ("a b c d e end", 4 + 6),
            ("a b c d e f g h", 4 + 8),
        ]
        first, again = model.requests
        assert again == replace(first, n=2, max_tokens=8, seed=again.seed)
        assert live.usage == Usage(2, 4 + 4 + 4 + 6 + 8, 200, 80)
        assert live.reasons == {CUT_OFF_HELPED: 1, CUT_OFF_TWICE: 1}

        replay = session(tape, None)
        assert await replay.ask(KEY, live.request(ASK, "draft", 0, n=3), ends) == reply
        assert (replay.usage, replay.reasons) == (live.usage, live.reasons)


async def test_the_second_try_draws_none_of_the_first_again() -> None:
    def drawn(request: Request, choice: int) -> str:
        assert request.seed is not None
        text = f"seed {request.seed + choice}"  # as llama.cpp draws choices
        return f"{text} end" if choice == 0 and request.max_tokens == 4 else f"{text} and more end"

    model = Wordy(drawn)
    with Tape.memory() as tape:
        live = session(tape, model)
        reply = await live.ask(KEY, live.request(ASK, "draft", 0, n=3), ends)
    first, again = model.requests
    assert (first.n, again.n) == (3, 2)
    assert first.seed is not None
    assert again.seed is not None
    assert again.seed != first.seed
    texts = [c.text for c in reply.completions]
    assert len(set(texts)) == len(texts)
    assert texts[0] == f"seed {first.seed} end"
    assert texts[1] == f"seed {again.seed} and more end"


def test_a_second_try_of_a_request_without_a_seed_has_none() -> None:
    assert second_try(Request(ASK, seed=None), [Completion("", "length", 4)], 8, GREEDY).seed is None


@pytest.mark.parametrize("usable", [None, lambda c: True])
async def test_what_is_of_use_is_not_asked_again(usable: object) -> None:
    model = Wordy(lambda r, i: WORDS[1])
    with Tape.memory() as tape:
        live = session(tape, model)
        await live.ask(KEY, live.request(ASK, "draft", 0), usable)  # pyright: ignore[reportArgumentType]
        assert len(model.requests) == 1
        assert not live.reasons


@pytest.mark.parametrize(("second", "said"), [("and end", USELESS_HELPED), ("no", USELESS_TWICE)])
async def test_a_useless_reply_that_ended_by_itself_is_drawn_once_more(second: str, said: str) -> None:
    model = Wordy(lambda r, i: second if r.max_tokens == 8 else "no")
    with Tape.memory() as tape:
        live = session(tape, model)
        reply = await live.ask(KEY, live.request(ASK, "draft", 0, sampling=GREEDY), ends)
        assert [c.text for c in reply.completions] == [second]
        first, again = model.requests
        assert again == replace(first, max_tokens=8, seed=again.seed, sampling=live.settings.sampling)
        assert again.sampling.temperature > 0
        assert live.reasons == {said: 1}

        replay = session(tape, None)
        assert await replay.ask(KEY, live.request(ASK, "draft", 0, sampling=GREEDY), ends) == reply


async def test_a_greedy_reply_is_not_asked_for_twice_where_nothing_else_may_be_drawn() -> None:
    model = Wordy(lambda r, i: "no")
    with Tape.memory() as tape:
        live = Session(Pool(DOUBLE), Tools(tape, model, None), Settings(max_tokens=4, sampling=GREEDY))
        await live.ask(KEY, live.request(ASK, "draft", 0), ends)
        assert len(model.requests) == 1
        assert not live.reasons


async def test_a_full_context_keeps_no_whole_reply_from_another_try() -> None:
    model = Wordy(lambda r, i: WORDS[2] if r.n == 2 and i else "no", context=104)
    with Tape.memory() as tape:
        live = session(tape, model)
        await live.ask(KEY, live.request(ASK, "draft", 0, n=2), ends)
        _, again = model.requests
        assert (again.n, again.max_tokens) == (1, 4)
        assert live.reasons == {CUT_OFF_FULL: 1, USELESS_TWICE: 1}


async def test_a_full_context_is_said_and_replays() -> None:
    model = Wordy(lambda r, i: WORDS[2], context=104)  # a prompt has 100 tokens
    with Tape.memory() as tape:
        live = session(tape, model)
        reply = await live.ask(KEY, live.request(ASK, "draft", 0), ends)
        assert len(model.requests) == 1
        assert live.reasons == {CUT_OFF_FULL: 1}
        replay = session(tape, None)
        assert await replay.ask(KEY, live.request(ASK, "draft", 0), ends) == reply
        assert replay.reasons == live.reasons


async def test_a_replay_without_the_second_try_is_refused() -> None:
    with Tape.memory() as tape:
        live = session(tape, Wordy(lambda r, i: WORDS[1]))
        request = live.request(ASK, "draft", 0)
        await live.ask(KEY, request)
        with pytest.raises(ReplayError, match="not on the tape"):
            await session(tape, None).ask(KEY, request, ends)


async def test_a_second_try_that_fails_leaves_the_first() -> None:
    model = Wordy(lambda r, i: WORDS[1], fail=lambda r: r.max_tokens == 8)
    with Tape.memory() as tape:
        live = session(tape, model)
        reply = await live.ask(KEY, live.request(ASK, "draft", 0), ends)
        assert reply.completions == (Completion("a b c d", "length", 4),)
        assert live.reasons == {"a request failed: the server fell over": 1}


@pytest.mark.parametrize(
    ("context", "n", "thinking", "limit"),
    [
        (None, 1, None, 200),
        (1000, 1, None, 200),
        (250, 1, None, 150),
        (224, 1, None, 0),
        (50, 1, None, 0),
        (250, 4, Thinking(9), 200),
        (250, 4, None, 150),
    ],
)
def test_the_larger_limit_fits_the_context(context: int | None, n: int, thinking: Thinking | None, limit: int) -> None:
    request = Request(ASK, n=n, max_tokens=100, thinking=thinking)
    assert larger_limit(Wordy(lambda r, i: "", context=context), request, Reply((), 100)) == limit


@pytest.mark.parametrize(("budget", "limit"), [(100, 200), (348, 150), (372, 126), (374, 0), (600, 0)])
def test_a_larger_limit_leaves_the_thought_its_room(budget: int, limit: int) -> None:
    request = Request(ASK, max_tokens=100, thinking=Thinking(budget))  # the prompt is taken for 2 tokens
    model = Wordy(lambda r, i: "", context=500, thinking="tags")
    assert larger_limit(model, request, Reply((), 999)) == limit


def test_a_thought_that_the_model_does_not_make_takes_no_room() -> None:
    request = Request(ASK, max_tokens=100, thinking=Thinking(348))
    assert larger_limit(Wordy(lambda r, i: "", context=500), request, Reply((), 999)) == 200


@pytest.mark.parametrize(
    ("context", "thinking", "limit"),
    [(None, None, 100), (4096, None, 200), (160, None, 150), (110, None, 100), (400, 300, 100), (600, 300, 200)],
)
def test_several_answers_have_more_room_where_the_context_is_known_to_have_it(
    context: int | None, thinking: int | None, limit: int
) -> None:
    """A prompt of ten tokens, by its length."""
    thought = Thinking(thinking) if thinking else None
    request = Request((Message("user", "x" * 30),), max_tokens=100, thinking=thought)
    assert limit_for_several(Wordy(lambda r, i: "", context=context, thinking="tags"), request) == limit


def test_without_a_model_the_limit_stays() -> None:
    request = Request((Message("user", "x"),), max_tokens=100)
    assert limit_for_several(None, request) == 100
