"""The line of work before the workers: files made ahead, and whoever leaves early."""

import asyncio
import os

import pytest

from atlas.problem import Call
from atlas.sandbox import Limits, Program, Sandbox, worker, workers
from atlas.sandbox.job import Job
from atlas.sandbox.line import Line

TWICE = Program("def f(x):\n    return 2 * x\n", "f")


def job(argument: object) -> Job:
    return Job(TWICE, (Call((argument,)),), Limits(), "calls")


def joined(line: Line, *arguments: object) -> list[asyncio.Future[tuple]]:
    futures = [asyncio.get_running_loop().create_future() for _ in arguments]
    for argument, future in zip(arguments, futures, strict=True):
        line.put(job(argument), future)
    return futures


async def test_files_are_made_for_the_first_in_line_only():
    line = Line(ahead=2)
    joined(line, *range(1000))
    before = len(os.listdir("/proc/self/fd"))
    line.prepare()
    line.prepare()
    places = line.drain()
    assert [place.files is not None for place in places] == [True, True] + [False] * 998
    assert len(os.listdir("/proc/self/fd")) > before
    for place in places:
        place.fail(RuntimeError("closed"))
        assert isinstance(place.future.exception(), RuntimeError)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_what_cannot_be_asked_is_the_error_of_who_asked_and_nobody_elses():
    line = Line(ahead=3)
    bad, good = joined(line, object(), 3)
    line.prepare()
    assert isinstance(bad.exception(), ValueError)
    place = await line.take()
    assert place.future is good
    place.settle(tuple)
    assert good.result() == ()


async def test_who_left_is_passed_over_and_leaves_no_file():
    line = Line(ahead=2)
    before = len(os.listdir("/proc/self/fd"))
    first, second = joined(line, 1, 2)
    line.prepare()
    first.cancel()
    place = await line.take()
    assert place.future is second
    place.settle(tuple)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_worker_begins_the_next_job_before_the_last_ones_results_are_read(monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []
    begin, observe = workers.Zygote.begin, worker.observe

    def beginning(*args):
        order.append("begin")
        begin(*args)

    def observing(*args):
        order.append("observe")
        return observe(*args)

    async with await Sandbox.start(1) as sandbox:
        monkeypatch.setattr(workers.Zygote, "begin", beginning)
        monkeypatch.setattr(worker, "observe", observing)
        seen = await asyncio.gather(*(sandbox.run(TWICE, [Call((x,))]) for x in range(3)))
    assert [o.value for (o,) in seen] == [0, 2, 4]
    assert order == ["begin", "begin", "observe", "begin", "observe", "observe"]
