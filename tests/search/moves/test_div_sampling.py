from __future__ import annotations

import random
from collections import Counter

import pytest
from search_script import DOUBLE, SUMS, TWICE, ScriptedModel, block

from atlas.errors import UsageError
from atlas.llm.types import Request, Sampling
from atlas.problem import Problem
from atlas.search.moves.div_sampling import deal, div_sampling
from atlas.search.pool import Pool
from atlas.search.session import Session
from atlas.search.settings import Settings, Tools
from atlas.store.tape import Tape

EVEN = {"role": 1, "instruction": 1, "restatement": 1, "decomposition": 1}


def kind(request: Request) -> str:
    text = request.messages[-1].content
    if text.startswith("Say this problem again"):
        return "restatement"
    return "decomposition" if text.startswith("Split this problem") else "draft"


def script(restatement: str = "Give two times x.", decomposition: str = "- read x\n- double it") -> ScriptedModel:
    replies = {"restatement": restatement, "decomposition": decomposition, "draft": block(TWICE)}
    return ScriptedModel(lambda request, choice: replies[kind(request)])


def session(model: ScriptedModel, problem: Problem = DOUBLE, **settings: Sampling) -> Session:
    return Session(Pool(problem), Tools(Tape.memory(), model), Settings(**settings))


def asked(model: ScriptedModel, of: str = "draft") -> list[Request]:
    return [r for r in model.requests if kind(r) == of]


async def test_every_kind_of_perturbation_is_used() -> None:
    model = script()
    given = session(model)
    found = await div_sampling(given, n=4)
    assert sorted(c.id for c in found.candidates) == [f"div_sampling-0.{i}" for i in range(4)]
    assert {c.parent for c in found.candidates} == {None}
    assert {c.key.split("/")[-2] for c in found.candidates} == set(EVEN)
    texts = [r.messages[0].content for r in asked(model)]
    assert len(set(texts)) == 4
    assert sum("Hint:\nGive two times x." in t for t in texts) == 1
    assert sum("Hint:\n- read x\n- double it" in t for t in texts) == 1
    assert sum(t.startswith("You are") for t in texts) == 1
    assert found.reasons == ()


async def test_temperatures_are_spread_around_the_runs() -> None:
    model = script()
    await div_sampling(session(model, sampling=Sampling(0.6, 0.9, 20)), n=5, spread=50)
    assert sorted(r.sampling.temperature for r in asked(model)) == [0.3, 0.45, 0.6, 0.75, 0.9]
    assert {(r.sampling.top_p, r.sampling.top_k) for r in asked(model)} == {(0.9, 20)}


async def test_a_greedy_run_is_perturbed_warm() -> None:
    model = script()
    await div_sampling(session(model, sampling=Sampling(0.0)), n=4)
    assert all(0 < r.sampling.temperature < 2 for r in model.requests)


def test_kinds_and_sentences_are_balanced() -> None:
    dealt = deal(24, {**EVEN, "role": 3, "instruction": 3, "restatement": 0}, 25, Sampling(0.8), random.Random(0))
    kinds = Counter(p.kind for p in dealt)
    assert kinds["restatement"] == 0
    assert kinds["decomposition"] in {3, 4}
    assert all(kinds[kind] in {9, 10, 11} for kind in ("role", "instruction"))
    for name in ("role", "instruction"):
        times = Counter(p.sentence for p in dealt if p.kind == name)
        assert len(times) == 6
        assert max(times.values()) - min(times.values()) <= 1


def test_the_deal_depends_on_the_seed_alone() -> None:
    one, same, other = [deal(8, dict(EVEN), 25, Sampling(0.8), random.Random(s)) for s in (1, 1, 2)]
    assert one == same != other


@pytest.mark.parametrize("spread", [0, 100, 400])
def test_temperatures_stay_where_servers_take_them(spread: int) -> None:
    heats = [p.sampling.temperature for p in deal(5, dict(EVEN), spread, Sampling(1.5), random.Random(0))]
    assert all(0 <= heat <= 2 for heat in heats)
    assert max(heats) > 0


async def test_an_unusable_hint_is_counted_and_left_out() -> None:
    model = script(restatement=block(TWICE), decomposition="It is one thing only.")
    found = await div_sampling(session(model), n=4)
    assert len(found.candidates) == 4
    assert sorted(found.reasons) == [
        "a reply held no usable decomposition; its draft was asked without",
        "a reply held no usable restatement; its draft was asked without",
    ]
    assert not any("Hint:" in r.messages[0].content for r in asked(model))


async def test_a_failed_hint_does_not_cost_the_draft() -> None:
    model = script()
    model.fail = lambda r: kind(r) == "restatement"
    given = session(model)
    found = await div_sampling(given, n=4)
    assert len(found.candidates) == 4
    assert len(given.failures) == 1


async def test_it_works_for_standard_input() -> None:
    model = script()
    model.answer = lambda r, i: (
        "Add the numbers."
        if kind(r) == "restatement"
        else "- a"
        if kind(r) != "draft"
        else block("print(sum(map(int, open(0).read().split()[1:])))")
    )
    found = await div_sampling(session(model, SUMS), n=8)
    assert len(found.candidates) == 8
    assert found.reasons == ()


async def test_nothing_to_perturb_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to perturb"):
        await div_sampling(session(script()), n=2, roles=0, instructions=0, restatements=0, decompositions=0)


async def test_order_of_replies_does_not_matter() -> None:
    results: list[object] = []
    for seed in range(2):
        model = script()
        model.answer = lambda r, i: (
            block(f"def double(x):\n    return x + {(r.seed or 0) % 97}") if kind(r) == "draft" else "- a"
        )
        model.delays = random.Random(seed)
        results.append(await div_sampling(session(model), n=6))
    assert results[0] == results[1]
