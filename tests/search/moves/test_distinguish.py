from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from search_script import SUMS, ScriptedModel, block

from atlas.llm.types import Request
from atlas.problem import Call, Example, FunctionProblem, Input, Parameter, Problem, Signature, Stdin
from atlas.sandbox import Limits, Sandbox
from atlas.search.assemble import assemble
from atlas.search.evidence import posterior
from atlas.search.measure import measure
from atlas.search.moves.distinguish import distinguish
from atlas.search.outputs import input_key
from atlas.search.pool import Additions, Candidate, Pool
from atlas.search.session import Session
from atlas.search.settings import Settings, Tools
from atlas.store.tape import Tape

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOTAL = FunctionProblem(
    "test/total",
    "Return the sum of the numbers.",
    Signature("total", (Parameter("xs", "list[int]"),), "int"),
    (Example(Call(([3, 1, 4],)), 8), Example(Call(([2, 2],)), 4)),
)
BLIND = replace(TOTAL, id="test/total-blind", examples=())
SUM = "def total(xs):\n    return sum(xs)"
LOOP = "def total(xs):\n    s = 0\n    for x in xs:\n        s += x\n    return s"
FIRST = "def total(xs):\n    s = xs[0] if xs else -1\n    return s + sum(xs[1:])"
"""Differs on the empty list only."""
POSITIVE = "def total(xs):\n    return sum(x for x in xs if x > 0)"
ONCE = "def total(xs):\n    return sum(set(xs)) if len(xs) > 2 else sum(xs)"
"""Differs on repeated numbers only."""
RAISES = "def total(xs):\n    return xs[0] + sum(xs[1:])"


def kind(request: Request) -> str:
    text = request.messages[-1].content
    if text.startswith("Find "):
        return "distinguish"
    return "expected_outputs" if text.startswith("Work out") else "other"


def right(request: Request, choice: int) -> str:
    """Knows what a sum is; proposes nothing."""
    text = request.messages[-1].content
    if kind(request) != "expected_outputs":
        return "I can't think of any."
    if "Calls:" in text:
        lines = [line for line in text.split("Calls:")[1].splitlines() if line.startswith("total(")]
        return block("\n".join(f"assert {line} == {sum(eval(line[6:-1]))}" for line in lines))
    parts = text.split("Reply with")[0].split("Test input ")[1:]
    inputs = [part.split("\n", 1)[1].split() for part in parts]
    return "\n".join(f"```\n{sum(map(int, tokens[1:]))}\n```" for tokens in inputs)


def asked(given: Session, of: str) -> list[Request]:
    assert isinstance(given.tools.client, ScriptedModel)
    return [r for r in given.tools.client.requests if kind(r) == of]


async def session(
    problem: Problem, sandbox: Sandbox | None, codes: Sequence[str], inputs: Sequence[Input] = (), **options: Any
) -> Session:
    """After a round in which ``codes`` were drafted and run on the examples and ``inputs``."""
    settings = Settings(seed=options.pop("seed", 0), limits=Limits(cpu_s=0.3))
    tools = options.pop("tools", None) or Tools(Tape.memory(), ScriptedModel(right, **options), sandbox)
    given = Session(Pool(problem), tools, settings)
    for i, code in enumerate(codes):
        given.pool.add_candidate(Candidate(f"draft-0.{i}", code, "draft", None, "k", 5, assemble(problem, code)))
    for input in inputs:
        given.pool.add_input(input)
    for u, member in enumerate(given.pool.members):
        seen = await given.execute(f"setup/{u}", member.candidate.program, given.pool.inputs)
        given.pool.observe(u, range(len(seen)), seen)
    given.standing = posterior(measure(given.pool))
    given.round = 1
    return given


async def judged(given: Session, found: Additions) -> str:
    """The best candidate's code once ``found`` is in the pool and was run."""
    given.pool.add(found)
    for u, member in enumerate(given.pool.members):
        places = given.pool.unobserved(u)
        seen = await given.execute(f"after/{u}", member.candidate.program, [given.pool.inputs[i] for i in places])
        given.pool.observe(u, places, seen)
    standing = posterior(measure(given.pool))
    assert standing.best is not None
    return given.pool.members[standing.best].candidate.code


@pytest.mark.parametrize("wrong", [FIRST, POSITIVE, ONCE])
async def test_two_nearly_equal_functions_are_told_apart(sandbox: Sandbox, wrong: str) -> None:
    known = [Call(([5, 1],)), Call(([7],)), Call(([1, 2, 3],))]
    given = await session(BLIND, sandbox, [wrong, SUM], known)
    assert len(set(given.standing.cluster)) == 1, "nothing known tells them apart"  # type: ignore[union-attr]
    found = await distinguish(given)
    assert 1 <= len(found.inputs) <= 6
    names = {"total": SUM, "other": wrong}
    spaces: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name, code in names.items():
        exec(code, spaces[name])
    for input in found.inputs:
        assert isinstance(input, Call)
        assert spaces["total"]["total"](*input.args) != spaces["other"]["total"](*input.args)
    assert {input_key(t.input) for t in found.tests} <= {input_key(i) for i in found.inputs}
    assert {(t.votes, t.voters, t.move) for t in found.tests} == {(4, 4, "distinguish")}
    assert await judged(given, found) == SUM


async def test_with_examples_too(sandbox: Sandbox) -> None:
    given = await session(TOTAL, sandbox, [ONCE, FIRST, SUM], [Call(([5, 5, 1],))])
    found = await distinguish(given, pairs=2)
    assert found.tests
    assert await judged(given, found) == SUM


async def test_short_inputs_come_first(sandbox: Sandbox) -> None:
    given = await session(BLIND, sandbox, [ONCE, SUM], [Call(([1, 2, 3],))])
    found = await distinguish(given, inputs=3)
    lengths = [len(input_key(i)) for i in found.inputs]
    assert lengths == sorted(lengths)
    assert len(lengths) == 3


STDIN_SUM = "input()\nprint(sum(map(int, input().split())))"
STDIN_ONCE = "input()\nprint(sum(set(map(int, input().split()))))"
STDIN_LOOP = "n = int(input())\nxs = list(map(int, input().split()))\nt = 0\nfor x in xs:\n    t += x\nprint(t)"


async def test_programs_that_read_standard_input_are_told_apart(sandbox: Sandbox) -> None:
    given = await session(SUMS, sandbox, [STDIN_ONCE, STDIN_SUM])
    found = await distinguish(given, samples=2)
    assert found.inputs
    for input in found.inputs:
        assert isinstance(input, Stdin)
        count, numbers = input.text.splitlines()
        assert int(count) == len(numbers.split())
        assert len(set(numbers.split())) < int(count)
    assert {t.voters for t in found.tests} == {2}
    assert await judged(given, found) == STDIN_SUM


@pytest.mark.parametrize(("problem", "codes"), [(TOTAL, [SUM, LOOP]), (SUMS, [STDIN_SUM, STDIN_LOOP])])
async def test_equal_programs_add_nothing_and_cost_no_tokens(
    sandbox: Sandbox, problem: Problem, codes: list[str]
) -> None:
    given = await session(problem, sandbox, codes)
    assert await distinguish(given, tries=30, texts=10) == Additions()
    assert given.usage.requests == 0
    assert given.usage.executions > 2 * 10


async def test_there_is_nothing_to_do_with_one_candidate_or_none(sandbox: Sandbox) -> None:
    for codes in ([], [SUM]):
        given = await session(TOTAL, sandbox, codes)
        before = given.usage.executions
        assert await distinguish(given) == Additions()
        assert given.usage.executions == before


async def test_who_fails_an_example_is_not_in_question(sandbox: Sandbox) -> None:
    wrong = "def total(xs):\n    return len(xs)"
    given = await session(TOTAL, sandbox, [SUM, wrong])
    assert await distinguish(given) == Additions()


BARE = FunctionProblem("test/bare", "Sum.", Signature("total", (Parameter("xs"),)))
"""Nothing to make inputs from: no examples, no annotations."""


def proposing(text: str) -> Any:
    return lambda request, choice: text if kind(request) == "distinguish" else right(request, choice)


async def test_what_is_known_to_tell_a_pair_apart_is_asked_about(sandbox: Sandbox) -> None:
    cheat = "input()\nline = input()\nprint(sum(map(int, line.split())) if '77' not in line else 0)"
    given = await session(replace(SUMS, examples=()), sandbox, [STDIN_SUM, cheat, "print(1)"], [Stdin("1\n77\n")])
    given.tools.client.answer = proposing("```\n2\n77 1\n```\n```\n1\n2\n```")  # type: ignore[union-attr]
    found = await distinguish(given, texts=0, pairs=1)
    assert asked(given, "distinguish") == []
    assert found.inputs == ()
    assert [t.input for t in found.tests] == [Stdin("1\n77\n")]


async def test_proposed_inputs_are_run_and_only_those_that_differ_are_kept(sandbox: Sandbox) -> None:
    half = "def total(xs):\n    assert xs != [9]\n    return 0 if 77 in xs else sum(xs)"
    given = await session(BARE, sandbox, [SUM, half], [Call(([9],)), Call(([1],))])
    given.tools.client.answer = proposing(block("total([77])\ntotal([1, 2])\ntotal(1, 2)\ntotal([77])"))  # type: ignore[union-attr]
    found = await distinguish(given, tries=0)
    (request,) = asked(given, "distinguish")
    assert request.n == 1
    assert SUM in request.messages[0].content
    assert half in request.messages[0].content
    assert found.inputs == (Call(([77],)),)
    assert [(t.input, t.expected) for t in found.tests] == [(Call(([77],)), 77)]


async def test_replies_without_inputs_are_counted(sandbox: Sandbox) -> None:
    half = "def total(xs):\n    assert xs != [9]\n    return sum(xs)"
    given = await session(BARE, sandbox, [SUM, half], [Call(([9],)), Call(([1],))])
    found = await distinguish(given, tries=0, ask=2)
    assert found == Additions(reasons=("a reply held no usable input",) * 2)
    given = await session(BARE, sandbox, [SUM, half], [Call(([9],)), Call(([1],))])
    assert await distinguish(given, tries=0, ask=0) == Additions()
    given = await session(BARE, sandbox, [SUM, half], [Call(([9],)), Call(([1],))], fail=lambda r: True)
    assert await distinguish(given, tries=0) == Additions()
    assert len(given.failures) == 1


async def test_an_input_that_most_reject_is_not_added(sandbox: Sandbox) -> None:
    # All but one raise on the empty list, which is the only input on which it differs.
    names = ["a", "b", "c"]
    codes = [RAISES.replace("xs", name) for name in names]
    codes[1] = codes[1].replace("+", "- 0 +")
    codes[2] = codes[2].replace("+", "+ 0 +")
    lenient = "def total(xs):\n    return sum(xs) if xs else 5"
    given = await session(BLIND, sandbox, [codes[0], lenient, *codes[1:]], [Call(([5, 1],))])
    found = await distinguish(given)
    assert found == Additions()


async def test_an_input_that_half_reject_counts_where_there_is_no_better(sandbox: Sandbox) -> None:
    given = await session(BLIND, sandbox, [RAISES, SUM], [Call(([5, 1],))])
    found = await distinguish(given)
    assert found.inputs == (Call(([],)),)
    assert [(t.input, t.expected) for t in found.tests] == [(Call(([],)), 0)]


async def test_a_program_that_never_ends_is_run_a_few_times_only(sandbox: Sandbox) -> None:
    endless = "def total(xs):\n    while len(xs) != 2:\n        pass\n    return sum(xs)"
    given = await session(BLIND, sandbox, [endless, SUM], [Call(([5, 1],))])
    before = given.usage.executions
    await distinguish(given, samples=0)
    assert given.usage.executions - before <= 8


async def test_without_samples_only_inputs_are_added(sandbox: Sandbox) -> None:
    given = await session(BLIND, sandbox, [POSITIVE, SUM], [Call(([5, 1],))])
    found = await distinguish(given, samples=0)
    assert found.inputs
    assert found.tests == ()
    assert given.usage.requests == 0


async def test_a_replay_is_the_same_in_any_order(sandbox: Sandbox) -> None:
    results: list[Additions] = []
    for seed in range(2):
        codes, known = [FIRST, SUM, POSITIVE, ONCE], [Call(([5, 5, 1],)), Call(([-1, 2],))]
        given = await session(BLIND, sandbox, codes, known, delays=random.Random(seed))
        live = await distinguish(given, pairs=3)
        tools = Tools(given.tools.tape, mode="replay")
        again = await distinguish(await session(BLIND, None, codes, known, tools=tools), pairs=3)
        assert again == live
        results.append(live)
    assert results[0] == results[1]
    assert len(results[0].inputs) > 3


async def test_other_seeds_make_other_inputs(sandbox: Sandbox) -> None:
    found = [
        (await distinguish(await session(BLIND, sandbox, [ONCE, SUM], [Call(([5, 1],))], seed=seed))).inputs
        for seed in (1, 2)
    ]
    assert found[0] != found[1]
