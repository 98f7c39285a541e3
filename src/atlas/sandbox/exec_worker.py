"""Workers that execute: each a zygote whose box has passed a canary, replaced when it is lost."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing

from atlas.errors import SandboxError
from atlas.sandbox.canary import UNSAFE
from atlas.sandbox.exec_job import ExecFiles, ExecJob, ExecOutcome, Execution, observe
from atlas.sandbox.types import Limits, Observation, Status
from atlas.sandbox.workers import Nursery, SetupFailed, WorkerLost, Zygote

_ATTEMPTS = 3
_CLOSING_S = 60.0
_RUNS = ("scratch", "child")
"""What of the canary shows that programs run, rather than that they are held back."""
_SHARED_PIDS = ("landlock", UNSAFE)
"""The tiers without a pid namespace: in the others the judge's number is nobody's, or somebody else's."""
_CANARY_LIMITS = Limits(cpu_s=10.0, wall_s=60.0)


class ExecWorker:
    """Runs one execution at a time in a box of ``tier`` that shows ``toolchains``, beside the system's folders."""

    def __init__(self, nursery: Nursery, tier: str, toolchains: tuple[str, ...]) -> None:
        self.toolchains = toolchains
        self.refusals = 0
        """How often shared files could not be installed."""
        self._nursery = nursery
        self._tier = tier
        self._zygote: Zygote | None = None
        self._installed: set[str] = set()

    async def run(self, job: ExecJob, kit: tuple[str, bytes] | None = None) -> Execution:
        """Run ``job``, with the files of ``kit`` (a key and a bundle) in the folder of shared files.

        Raises:
            SandboxError: the box cannot be set up, or is lost again and again.
        """
        lost: WorkerLost | SetupFailed | None = None
        for _ in range(_ATTEMPTS):
            try:
                zygote = await self._ready()
                if kit is not None:
                    await self._install(zygote, *kit)
                return await self._execute(zygote, job)
            except (WorkerLost, SetupFailed) as error:
                lost = error
                self.close()
        raise SandboxError(f"The sandbox lost {_ATTEMPTS} workers over one execution: {lost}.")

    def close(self) -> None:
        """Give the zygote up."""
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None
            self._installed.clear()

    async def _ready(self) -> Zygote:
        if self._zygote is None:
            zygote = await self._nursery.spawn(self._tier, shown=self.toolchains)
            try:
                fault = _fault((await self._execute(zygote, _canary(self._tier))).seen, self._tier)
            except WorkerLost as error:
                zygote.close()
                raise SetupFailed(f"a box for executables cannot be set up: {error}") from error
            except BaseException:
                zygote.close()
                raise
            if fault:
                zygote.close()
                raise SetupFailed(fault)
            self._zygote = zygote
        return self._zygote

    async def _install(self, zygote: Zygote, key: str, data: bytes) -> None:
        if key in self._installed:
            return
        job = ExecJob((), {}, (data,), Limits())
        with closing(ExecFiles(job)) as files:
            zygote.begin({"install": True}, files.descriptors)
            try:
                reply = await zygote.end(_CLOSING_S)
            except BaseException:
                self.close()  # its report would be taken for that on the next job
                raise
        # A zygote that could not keep them has removed what it unpacked: they are a help, not a need.
        if reply["setup_error"] is not None:
            self.refusals += 1
        self._installed.add(key)

    async def _execute(self, zygote: Zygote, job: ExecJob) -> Execution:
        """Run a job once; when the caller is cancelled, end it first, so that the zygote is free for the next.

        A zygote whose report did not come in is given up: it would be taken for that on the next job.

        Raises:
            WorkerLost: the zygote is gone, or could not confine the process.
            SandboxError: a tool cannot be executed.
        """
        with closing(ExecFiles(job)) as files:
            zygote.begin(job.message(), files.descriptors)
            reply = asyncio.ensure_future(zygote.end(job.limits.wall_s))
            try:
                answer = await asyncio.shield(reply)
            except asyncio.CancelledError:
                zygote.cancel()
                await asyncio.gather(reply, return_exceptions=True)  # a second cancellation ends this, too
                raise
            finally:
                if reply.cancelled() or not reply.done() or reply.exception() is not None:
                    reply.cancel()
                    self.close()
            if answer["setup_error"] is None:
                outcome = ExecOutcome(**answer)
                if not outcome.exec_error or job.own:
                    return observe(files, outcome)
                raise SandboxError(f"{job.argv[0]} cannot be executed in the sandbox: {outcome.exec_error}.")
            raise WorkerLost(answer["setup_error"])


def _canary(tier: str) -> ExecJob:
    probe = {"file": __file__, "judge": str(os.getpid()) if tier in _SHARED_PIDS else ""}
    return ExecJob((), {}, (), _CANARY_LIMITS, probe=probe)


def _fault(seen: Observation, tier: str) -> str | None:
    """Say what is wrong with a box in which the canary was observed so; None if it is sound."""
    if seen.status is not Status.OK:
        return f"the canary for executables ended in {seen.status.value}: {seen.error} {seen.stderr}"
    told, _, rest = seen.stdout.partition("\n")
    if rest != "canary\n":
        return "the output of the canary for executables was lost"
    found = json.loads(told)
    wrong = [name for name in (_RUNS if tier == UNSAFE else found) if found[name] is not True]
    return f"the canary for executables was not held back or hindered: {', '.join(wrong)}" if wrong else None


class ExecPool:
    """As many workers as there are cores to use; started when they are first needed."""

    def __init__(self, nursery: Nursery, tier: str, count: int) -> None:
        self._nursery = nursery
        self._tier = tier
        self._slots = asyncio.Semaphore(count)
        self._idle: list[ExecWorker] = []

    @asynccontextmanager
    async def worker(self, toolchains: tuple[str, ...]) -> AsyncGenerator[ExecWorker]:
        """Lend a worker whose box shows ``toolchains``."""
        async with self._slots:
            worker = self._take(toolchains)
            try:
                yield worker
            finally:
                self._idle.append(worker)

    def _take(self, toolchains: tuple[str, ...]) -> ExecWorker:
        for worker in reversed(self._idle):
            if worker.toolchains == toolchains:
                self._idle.remove(worker)
                return worker
        if self._idle:
            self._idle.pop(0).close()  # the box of another language makes room
        return ExecWorker(self._nursery, self._tier, toolchains)

    def close(self) -> None:
        """Give up the idle workers; those at work end with the nursery."""
        for worker in self._idle:
            worker.close()
        self._idle.clear()
