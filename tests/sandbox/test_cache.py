"""The cache of results, with a real sandbox behind it."""

import math
import sqlite3

import pytest
import pytest_asyncio

from atlas.errors import UsageError
from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Observation, Program, Sandbox, Status
from atlas.sandbox.cache import ResultCache, keys_of

CLOCK = "import time\ndef f(x):\n    if x == 'loop':\n        while True: pass\n    return time.monotonic_ns()\n"


@pytest.fixture
def cache(tmp_path):
    kept = ResultCache.open(tmp_path / "deep" / "results.sqlite")
    yield kept
    kept.close()


@pytest_asyncio.fixture
async def sandbox(cache):
    async with await Sandbox.start(1, cache=cache) as started:
        yield started


async def test_the_same_question_is_answered_from_the_cache(sandbox):
    program = Program(CLOCK, "f")
    one = await sandbox.run(program, [Call((1,)), Call((2,))])
    two = await sandbox.run(program, [Call((2,)), Call((3,)), Call((1,))])
    assert (two[0], two[2]) == (one[1], one[0])
    assert two[1].value > one[1].value


@pytest.mark.parametrize(
    "other",
    [
        {"program": Program(CLOCK + "\n", "f")},
        {"limits": Limits(cpu_s=1.5)},
        {"limits": Limits(memory_mb=400)},
        {"fresh": True},
        {"inputs": [Call((1.0,))]},
        {"inputs": [Call((True,))]},
    ],
)
async def test_another_question_is_not(sandbox, other):
    asked = {"program": Program(CLOCK, "f"), "inputs": [Call((1,))], "limits": Limits(), "fresh": False}
    one, other = [await sandbox.run(**which) for which in (asked, {**asked, **other})]
    assert one[0].value != other[0].value


async def test_a_loop_is_remembered_and_nothing_behind_it_is_run(sandbox, cache):
    program, limits = Program(CLOCK, "f"), Limits(cpu_s=0.2)
    inputs = [Call((1,)), Call(("loop",)), Call((2,))]
    first = await sandbox.run(program, inputs, limits, until_clock=True)
    assert [o.status for o in first] == [Status.OK, Status.CPU_LIMIT]
    assert await sandbox.run(program, inputs, limits, until_clock=True) == first
    assert len(cache.get(keys_of(program, inputs, limits, tier="userns", fresh=False))) == 2
    whole = await sandbox.run(program, inputs, limits)
    assert whole[:2] == first
    assert whole[2].status is Status.OK


async def test_results_outlive_the_sandbox(tmp_path):
    path, program = tmp_path / "results.sqlite", Program(CLOCK, "f")
    seen = []
    for _ in range(2):
        cache = ResultCache.open(path)
        async with await Sandbox.start(1, cache=cache) as sandbox:
            seen.append(await sandbox.run(program, [Call((1,))]))
        cache.close()
    assert seen[0] == seen[1]


def test_every_observation_survives(cache):
    values = [None, True, 1, 1.5, -0.0, math.inf, "\ud800", b"\xff", (1, [2]), {(1, 2): {3}}, 1 << 70]
    program = Program("p", "f")
    keys = keys_of(program, [Call((v,)) for v in values], Limits(), tier="userns", fresh=False)
    seen = [Observation(Status.OK, v, "out\ud800", "err", "e", n, 0.5, 0.25) for n, v in enumerate(values)]
    cache.put(dict(zip(keys, seen, strict=True)))
    found = cache.get(keys)
    assert [found[k] for k in keys] == seen
    assert [type(found[k].value) for k in keys] == [type(v) for v in values]


@pytest.mark.parametrize("status", [Status.WALL_LIMIT, Status.INFRASTRUCTURE])
def test_what_hung_on_the_moment_is_not_kept(cache, status):
    keys = keys_of(Program("p"), [Stdin("x")], Limits(), tier="userns", fresh=False)
    cache.put({keys[0]: Observation(status)})
    assert cache.get(keys) == {}


def test_keys_tell_apart_what_looks_alike():
    inputs = [Stdin("[]"), Call(()), Stdin(""), Call(("",)), Call(([],)), Call(((),)), Stdin("\ud800")]
    assert len(set(keys_of(Program("p"), inputs, Limits(), tier="userns", fresh=False))) == len(inputs)


def test_the_longest_unused_go_first(tmp_path):
    path = tmp_path / "results.sqlite"
    names = [b"%d" % n for n in range(12)]
    for n, name in enumerate(names):
        cache = ResultCache.open(path, most=10)
        cache.put({name: Observation(Status.OK, n)})
        cache.get([names[0]])
        cache.close()
    left = ResultCache.open(path, most=10)
    assert set(left.get(names)) == {names[0], *names[3:]}
    left.close()


def test_a_file_that_is_no_cache_is_made_anew(tmp_path):
    path = tmp_path / "results.sqlite"
    path.write_bytes(b"no database at all" * 100)
    cache = ResultCache.open(path)
    cache.put({b"k": Observation(Status.OK, 1)})
    assert cache.get([b"k"])[b"k"].value == 1
    cache.close()
    assert sqlite3.connect(path).execute("SELECT COUNT(*) FROM results").fetchone() == (1,)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file.* can't be used to keep results"):
        ResultCache.open(tmp_path / "file" / "results.sqlite")


def test_a_result_is_that_of_its_tier():
    asked = Program("p"), [Stdin("x")], Limits()
    assert keys_of(*asked, tier="unsafe", fresh=False) != keys_of(*asked, tier="userns", fresh=False)
