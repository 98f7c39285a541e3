from __future__ import annotations

import json
from typing import Any

import pytest
from search_script import DOUBLE, ScriptedModel

from atlas.compare import codec
from atlas.errors import EngineError, LLMError, ReplayError
from atlas.llm.types import Completion, Message, Reply, Request
from atlas.problem import Call, Stdin, Usage
from atlas.sandbox.types import Limits, Observation, Program, Status
from atlas.search.outputs import class_of, matches, shown
from atlas.search.pool import Pool
from atlas.search.session import Session
from atlas.search.settings import DEFAULTS, Tools, derived_seed
from atlas.search.wire import observation_data, observation_of, reply_data, reply_of
from atlas.store.tape import Tape

KEY = "test/double/0/draft/-/0"
ASK = (Message("user", "Hello?"),)


def session(tape: Tape, model: Any = None, mode: Any = "live", sandbox: Any = None) -> Session:
    return Session(Pool(DOUBLE), Tools(tape, model, sandbox, mode), DEFAULTS)


async def test_what_is_on_the_tape_is_not_asked_again() -> None:
    model = ScriptedModel(lambda r, i: f"answer {i}")
    with Tape.memory() as tape:
        first = session(tape, model)
        request = first.request(ASK, "draft", 0, n=2)
        reply = await first.ask(first.key("draft", 0), request)
        second = session(tape, model)
        assert await second.ask(second.key("draft", 0), request) == reply
        assert len(model.requests) == 1
        # The usage of a solve is the same whether it was asked or replayed.
        assert second.usage == first.usage == Usage(1, 4, 100, 40)


async def test_every_part_of_a_request_counts() -> None:
    with Tape.memory() as tape:
        live = session(tape, ScriptedModel(lambda r, i: "x"))
        request = live.request(ASK, "draft", 0)
        await live.ask(KEY, request)
        for other in (
            Request((*ASK, Message("assistant", "")), seed=request.seed, sampling=request.sampling),
            live.request(ASK, "draft", 1),
            live.request(ASK, "draft", 0, n=2),
        ):
            with pytest.raises(ReplayError, match="another question"):
                await live.ask(KEY, other)


async def test_replay_touches_neither_model_nor_sandbox() -> None:
    class Trap:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    with Tape.memory() as tape:
        replay = session(tape, Trap(), "replay", Trap())
        with pytest.raises(ReplayError, match="not on the tape"):
            await replay.ask(KEY, replay.request(ASK, "draft", 0))
        with pytest.raises(ReplayError, match="not on the tape"):
            await replay.execute("k", Program("x"), [Call((1,))])
        with pytest.raises(ReplayError, match="not on the tape"):
            replay.decided("deadline", live=True)


async def test_an_engine_that_cannot_be_restarted_is_a_failed_request() -> None:
    class Dead(ScriptedModel):
        async def complete(self, request: Request) -> Reply:
            raise EngineError("The engine died three times.")

    with Tape.memory() as tape:
        live = session(tape, Dead(lambda r, i: ""))
        reply = await live.ask(KEY, live.request(ASK, "draft", 0))
        assert reply.completions == ()
        assert live.reasons == {"a request failed: The engine died three times.": 1}
        with pytest.raises(LLMError, match="three times"):
            live.end_round()


async def test_tokens_lost_on_the_way_to_an_answer_are_counted() -> None:
    class Restarted(ScriptedModel):
        async def complete(self, request: Request) -> Reply:
            assert self.on_discarded is not None
            self.on_discarded(request, Reply((Completion("de", "cancelled", 3),), 50, 10))
            return await super().complete(request)

    with Tape.memory() as tape:
        live = session(tape, Restarted(lambda r, i: "one two"))
        await live.ask(KEY, live.request(ASK, "draft", 0))
        assert live.usage == Usage(1, 5, 150, 50)


async def test_estimated_counts_are_said_to_be() -> None:
    class Vague(ScriptedModel):
        async def complete(self, request: Request) -> Reply:
            return Reply((Completion("x", "stop", 9),), 5, estimated=True)

    with Tape.memory() as tape:
        live = session(tape, Vague(lambda r, i: ""))
        await live.ask(KEY, live.request(ASK, "draft", 0))
        assert list(live.reasons) == ["a request's tokens were not told by the server and are estimated"]


async def test_no_model_and_no_sandbox_are_errors() -> None:
    with Tape.memory() as tape:
        live = session(tape)
        with pytest.raises(LLMError, match="no model"):
            await live.ask(KEY, live.request(ASK, "draft", 0))
        with pytest.raises(ReplayError, match="no sandbox"):
            await live.execute("k", Program("x"), [Call((1,))])


async def test_executions_are_recorded_with_exact_values() -> None:
    values: list[Any] = [(1, [2.0]), {True: {1, 2}}, float("nan"), "\ud800", 10**30, None]
    runs: list[int] = []

    class Runner:
        async def run(self, program: Any, inputs: Any, limits: Any = None, **_: bool) -> Any:
            runs.append(len(inputs))
            return tuple(Observation(Status.OK, v, stdout="é", cpu_s=0.25) for v in values)

    inputs = [Call((v,)) for v in values]
    with Tape.memory() as tape:
        live = session(tape, sandbox=Runner())
        seen = await live.execute("k", Program("x", "f"), inputs)
        again = await session(tape, mode="replay").execute("k", Program("x", "f"), inputs)
        assert [codec.dumps(o.value) for o in again] == [codec.dumps(v) for v in values]
        assert repr(again) == repr(seen)
        assert runs == [6]
        assert live.usage.executions == 6
        with pytest.raises(ReplayError, match="another question"):
            await live.execute("k", Program("x", "f"), [Call((str(v),)) for v in values])
        with pytest.raises(ReplayError, match="another question"):
            await live.execute("k", Program("x", "f"), inputs, fresh=True)
        with pytest.raises(ReplayError, match="another question"):
            await live.execute("k", Program("x", "f"), inputs, Limits(cpu_s=0.5))


def test_a_decision_stays_as_it_was_taken() -> None:
    with Tape.memory() as tape:
        assert session(tape).decided("deadline", live=True) is True
        assert session(tape).decided("deadline", live=False) is True
        assert session(tape, mode="replay").decided("deadline", live=False) is True


def test_seeds_fit_every_server_and_depend_on_all_parts() -> None:
    seeds = {derived_seed(0, "p", r, m, "", i) for r in range(3) for m in ("draft", "repair") for i in range(50)}
    assert len(seeds) == 300
    assert all(0 <= s < 2**31 for s in seeds)
    assert derived_seed("a", "b") != derived_seed("ab")


def test_replies_and_observations_survive_json() -> None:
    reply = Reply((Completion("t", "length", 3, "thought"), Completion("", "stop", 0)), 7, 2, 1.5, True)
    assert reply_of(json.loads(json.dumps(reply_data(reply)))) == reply
    seen = Observation(Status.EXCEPTION, None, "o", "e", "KeyError: 1", 3, 0.1, 0.2)
    assert observation_of(json.loads(json.dumps(observation_data(seen)))) == seen


def test_outputs_agree_by_data_and_type() -> None:
    call = Call((1,))
    assert class_of(call, 0.1 + 0.2) == class_of(call, 0.3)
    assert class_of(call, [(0.1 + 0.2, {"a": 1.0})]) == class_of(call, [(0.3, {"a": 1.0})])
    assert len({class_of(call, v) for v in (1, 1.0, True, "1", [1], (1,), {1}, None)}) == 8
    assert class_of(Stdin(""), "1 2\n3") == class_of(Stdin(""), "1 2 \n3\n\n")


def test_an_example_is_met_by_value_or_by_tokens() -> None:
    assert matches(Call((1,)), 2.0, Observation(Status.OK, 2.0000000001))
    assert matches(Call((1,)), 2.0, Observation(Status.OK, 2))
    assert not matches(Call((1,)), 1, Observation(Status.OK, True))
    assert not matches(Call((1,)), None, Observation(Status.EXCEPTION))
    assert matches(Stdin(""), "a b\n", Observation(Status.OK, stdout="a  b"))
    assert not matches(Stdin(""), "a b\n", Observation(Status.CPU_LIMIT, stdout="a b\n"))


def test_what_a_model_is_shown_is_bounded() -> None:
    call = Call((1,))
    assert shown(call, Observation(Status.OK, "x")) == "'x'"
    assert shown(Stdin(""), Observation(Status.OK, stdout="x\n")) == "x\n"
    assert shown(call, Observation(Status.CPU_LIMIT)) == "no result (cpu limit)"
    assert len(shown(call, Observation(Status.OK, "x" * 10**6))) < 400
