"""The sandbox as its users see it: programs and inputs in, observations out, spread over warm workers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from atlas.errors import SandboxError
from atlas.problem import Call, Input
from atlas.sandbox import canary
from atlas.sandbox.job import Job
from atlas.sandbox.types import Limits, Observation, Program, Status
from atlas.sandbox.worker import Worker
from atlas.sandbox.workers import Nursery

_LIMITS = Limits()
_CLOSED = "The sandbox is closed."
_BATCH = 64
"""Most inputs of one process; bounds its output files."""

_Result = tuple[Observation, ...]
_Work = tuple["Job | _Check", "asyncio.Future[_Result]"]


class _Check(tuple[Job, Job]):
    """A check job and the program's job beside it."""

    __slots__ = ()


class Sandbox:
    """Runs programs in boxes. Start it before the process restricts itself; use it in the loop that
    started it.

    ``tier`` says how the boxes are made (``"userns"``, ``"root"`` or ``"landlock"``) and belongs in every
    record of a run; ``landlock`` is the kernel's Landlock version, 0 without.
    """

    def __init__(self, nursery: Nursery, workers: list[Worker], tier: str, landlock: int) -> None:
        self.tier = tier
        self.landlock = landlock
        self._nursery = nursery
        self._workers = workers
        self._queue: asyncio.Queue[_Work] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._work(worker)) for worker in workers]

    @classmethod
    async def start(cls, workers: int | None = None, *, tier: str | None = None) -> Self:
        """Start ``workers`` (default: one a core) in the best tier that a canary proves, or in ``tier``.

        Raises:
            SandboxError: no tier works here; the message says what each one lacks.
        """
        if sys.platform != "linux":
            raise SandboxError("The sandbox needs Linux; on other systems run ATLAS in a Linux container or WSL.")
        if tier not in {None, *canary.TIERS}:
            raise SandboxError(f"There is no sandbox tier {tier!r}; choose one of {', '.join(canary.TIERS)}.")
        nursery = await Nursery.start()
        try:
            chosen, first = await _first_worker(nursery, (tier,) if tier else canary.TIERS)
            count = workers or len(os.sched_getaffinity(0))
            others = [Worker(nursery, chosen) for _ in range(count - 1)]
            await asyncio.gather(*(worker.ready() for worker in others))
        except BaseException:
            await nursery.aclose()
            raise
        return cls(nursery, [first, *others], chosen, first.landlock)

    async def run(
        self,
        program: Program,
        inputs: Sequence[Input],
        limits: Limits = _LIMITS,
        *,
        fresh: bool = False,
    ) -> tuple[Observation, ...]:
        """Run ``program`` on each of ``inputs``; return an observation for each, in order.

        A function's inputs share a process unless ``fresh``; its limits hold for each input (memory: for
        the process), and an input that it does not survive costs the others nothing. A script gets a process
        an input.

        Raises:
            SandboxError: the sandbox is closed.
            ValueError: a ``Call`` for a script, a ``Stdin`` for a function, or an argument that is no
            plain data.
        """
        wanted = Call if program.entry is not None else None
        if any(isinstance(i, Call) != (wanted is Call) for i in inputs):
            raise ValueError("functions take Call inputs, scripts take Stdin inputs")
        role = "script" if program.entry is None else "calls"
        size = 1 if fresh or program.entry is None else _BATCH
        batches = [tuple(inputs[at : at + size]) for at in range(0, len(inputs), size)]
        done = await asyncio.gather(*(self._batch(Job(program, batch, limits, role)) for batch in batches))
        return tuple(observation for batch in done for observation in batch)

    async def run_check(self, program: Program, check_code: str, limits: Limits = _LIMITS) -> Observation:
        """Run test code that calls the program's ``entry`` from a box apart from it.

        ``check_code`` finds the function under its own name and as ``candidate``; if it defines ``check``, that is
        called with the function. Status OK means that the code ran to its end; EXCEPTION that it raised, with the
        error; any other status comes with an error that begins with ``"program: "`` or ``"check: "``, the side that
        it struck. The limits hold for each side, over all calls.

        Raises:
            SandboxError: the sandbox is closed.
        """
        if program.entry is None:
            raise ValueError("only a function can be checked by calls")
        none = Call(())
        check = Job(replace(program, code=check_code), (none,), limits, "check")
        served = Job(program, (none,), limits, "serve")
        return (await self._submit(_Check((check, served))))[0]

    async def _batch(self, job: Job) -> _Result:
        """Run a batch to its end: after an input that the process did not survive, the rest go on in a new
        one.
        """
        done: _Result = ()
        while len(done) < len(job.inputs):
            done += await self._submit(replace(job, inputs=job.inputs[len(done) :]))
        return done

    async def _submit(self, work: Job | _Check) -> _Result:
        if not self._tasks:
            raise SandboxError(_CLOSED)
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((work, future))
        return await future

    async def _work(self, worker: Worker) -> None:
        while True:
            work, future = await self._queue.get()
            if future.done():  # cancelled while it waited
                continue
            worker.serving = future
            future.add_done_callback(worker.cancel_if_cancelled)
            try:
                result = await (worker.check(*work) if isinstance(work, _Check) else worker.run(work))
            except SandboxError as error:
                count = 1 if isinstance(work, _Check) else len(work.inputs)
                result = (Observation(Status.INFRASTRUCTURE, error=str(error)),) * count
            except asyncio.CancelledError:
                if not future.done():
                    future.set_exception(SandboxError(_CLOSED))
                raise
            except Exception as error:  # noqa: BLE001  (a fault of one job is that job's, not the worker's)
                if not future.done():
                    future.set_exception(error)
                continue
            finally:
                worker.serving = None
            if not future.done():
                future.set_result(result)

    async def aclose(self) -> None:
        """End all workers. Jobs still waiting raise SandboxError."""
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._queue.empty():
            _, future = self._queue.get_nowait()
            if not future.done():
                future.set_exception(SandboxError(_CLOSED))
        for worker in self._workers:
            worker.close()
        await self._nursery.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _first_worker(nursery: Nursery, tiers: Sequence[str]) -> tuple[str, Worker]:
    reasons: list[str] = []
    for tier in tiers:
        worker = Worker(nursery, tier)
        try:
            await worker.ready()
        except SandboxError as error:
            reasons.append(f"{tier}: {error}")
        else:
            return tier, worker
    raise SandboxError(
        "No sandbox can be set up here ("
        + "; ".join(reasons)
        + "); allow user namespaces (sysctl user.max_user_namespaces) or use a kernel with Landlock (5.13 or later)."
    )
