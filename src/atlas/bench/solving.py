"""The solving process: problems in, sealed submissions out, with the answer keys denied to it.

``python -m atlas.bench.solving JOB.json``. Order matters: the sandbox first (its nursery must mount), then the wall,
then everything that runs behind it: the engine, plug-ins, the search.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from atlas.bench import manifest as manifests
from atlas.bench import records, seal
from atlas.bench.answering import SECRETS, Answering, answering
from atlas.bench.answers import Answer, answer_of, lost
from atlas.bench.events import LONGEST_TOLD, Event, OnEvent
from atlas.bench.job import JOB, Job
from atlas.bench.jsonl import append_line, write_atomically, write_lines
from atlas.bench.manifest import Found
from atlas.bench.metering import Metering, sources_for
from atlas.bench.process import child_main, only_child_in
from atlas.bench.records import Divergence, Seconds
from atlas.bench.spec import Arm, RunFiles, RunSpec
from atlas.bench.suites import store
from atlas.bench.wall import WallReport, deny
from atlas.cost.sources import Found as Sources
from atlas.errors import LLMError, ReplayError, UsageError
from atlas.gather import gather
from atlas.problem import Problem
from atlas.sandbox import Sandbox
from atlas.sandbox.canary import UNSAFE
from atlas.search.moves import Move
from atlas.search.registry import moves_for
from atlas.search.settings import Tools
from atlas.search.solver import solve
from atlas.search.strategy import Strategy
from atlas.search.wire import may_be_lent
from atlas.store.tape import Tape

_IN_REACH = "Programs ran in no box (--sandbox unsafe): the answer keys were in their reach."
_SHARED = (
    "Arms took over from each other what they ask word for word: how long one takes is not known, and money is what it "
    "would cost alone."
)
_GIVE_UP_AFTER = 5
"""Problems lost in a row, none before answered, after which the model server is taken to be down."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What all arms share."""

    job: Job
    files: RunFiles
    problems: tuple[Problem, ...]
    models: Answering | None
    sandbox: Sandbox | None
    on_event: OnEvent
    metering: Metering


async def solve_job(job: Job, on_event: OnEvent, secrets: Mapping[str, str]) -> None:
    """Solve every problem of every arm and seed, then seal what came of it. ``secrets`` are by environment
    variable.

    Raises:
        UsageError: suite, engine or a strategy is unusable.
        SandboxError: no sandbox, or the wall does not hold.
        EngineError, LLMError: no model to ask.
    """
    files = RunFiles(job.root, job.out)
    async with AsyncExitStack() as stack:
        live = job.mode == "live"
        await stack.enter_async_context(only_child_in(job.out))
        on_event(Event("phase", "starting the sandbox" if live else "replaying"))
        sandbox = await stack.enter_async_context(await _sandbox(job.spec)) if live else None
        report = _wall(job)
        metering = Metering(files, sources_for(job.spec) if live else Sources((), ()), on_event)
        models = None
        if sandbox is not None:
            models = await stack.enter_async_context(answering(job.spec, secrets, on_event))
            _note_found(job, sandbox.tier, report, models, on_event, metering.about)
            stack.callback(_note_end, job, models, sandbox, on_event)
            await metering.watch_idle()
        problems = store.load(job.suite).problems[: job.spec.limit]
        ground = _Ground(job, files, problems, models, sandbox, on_event, metering)
        on_event(Event("phase", "solving", total=len(problems) * len(job.spec.arms) * len(job.spec.seeds)))
        for seed in job.spec.seeds:
            # An arm whose budget is another's use comes after it.
            for arm in sorted(job.spec.arms, key=lambda arm: bool(arm.match)):
                await _arm(ground, arm, seed)
    seal.write(files)


async def _sandbox(spec: RunSpec) -> Sandbox:
    return await Sandbox.start(spec.workers, tier=spec.sandbox, profile=spec.profile())


def _wall(job: Job) -> WallReport:
    if not job.deny:
        return WallReport("none", warnings=("The keys were in reach on purpose: this is a replay for an audit.",))
    return deny(job.deny, closed=job.closed, holes=job.spec.holes)


def _note_found(
    job: Job,
    tier: str,
    wall: WallReport,
    models: Answering,
    on_event: OnEvent,
    energy: Mapping[str, tuple[str, ...]],
) -> None:
    """Write down what was found on this machine."""
    files = RunFiles.at(job.root)
    before = manifests.found(files)
    if before and _identity(before.engine, before.apis) != _identity(models.about, models.apis):
        raise UsageError("The model is not the one that this run began with; start a new run.")
    # Crashes of an earlier attempt stay on record.
    earlier = before.warnings if before else ()
    told = models.warnings(job.spec)
    if tier == UNSAFE:
        told = (_IN_REACH, *told)
    if job.spec.share:
        told = (*told, _SHARED)
    warnings = tuple(dict.fromkeys((*wall.warnings, *told, *earlier)))
    found = Found(
        engine=models.about,
        capabilities=models.capabilities,
        apis=models.apis,
        sandbox=tier,
        wall=asdict(wall),
        warnings=warnings,
        attempts=before.attempts + 1 if before else 1,
        energy=dict(energy),
        queue=before.queue if before else (),
        in_flight=max(job.spec.in_flight(models.slots(arm)) for arm in job.spec.arms),
    )
    write_atomically(files.found, found.model_dump_json(indent=1) + "\n")
    for warning in warnings:
        on_event(Event("warning", warning))


def _identity(engine: Mapping[str, Any], apis: Mapping[str, Mapping[str, Any]]) -> tuple[object, ...]:
    """What says that a run's models are those that it began with."""
    own = tuple(engine.get(name) for name in ("model", "sha256", "draft_sha256"))
    return (*own, *((name, about["model"]) for name, about in sorted(apis.items())))


def _note_end(job: Job, models: Answering, sandbox: Sandbox, on_event: OnEvent) -> None:
    """Write down what the queues saw, and as warnings what crashed and was replaced, however the solving ended."""
    files = RunFiles.at(job.root)
    found = manifests.found(files)
    lost = (f"A worker of the sandbox was replaced {n} times: {why}." for why, n in sandbox.lost.items())
    crashes = (*models.events, *lost)
    if found is None:
        return
    queue = (*found.queue, *models.queues())
    found = found.model_copy(update={"warnings": (*found.warnings, *crashes), "queue": queue})
    write_atomically(files.found, found.model_dump_json(indent=1) + "\n")
    for crash in crashes:
        on_event(Event("warning", crash))


async def _arm(ground: _Ground, arm: Arm, seed: int) -> None:
    """One arm over all problems. What its tape holds from an earlier attempt is not asked again."""
    files = ground.files
    if files.submissions(arm.name, seed).is_file():
        return  # finished in an earlier attempt; written in one step
    strategy = arm.load()
    chosen = _Chosen(strategy, moves_for(strategy), budgets(ground.job.root, arm, seed))
    live = ground.job.mode == "live"
    files.tape(arm.name, seed).parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        beside = [stack.enter_context(Tape.open(path, readonly=True)) for path in lenders(ground.job, arm, seed)]
        own = Tape.open(files.tape(arm.name, seed), readonly=not live, lenders=beside, lent=may_be_lent)
        tape = stack.enter_context(own)
        client = ground.models and ground.metering.timed(ground.models.client(arm), arm.name, seed)
        tools = Tools(tape, client, ground.sandbox, ground.job.mode)
        solving = _ArmRun(ground, arm, seed, chosen, tools)
        async with ground.metering.measured(arm.name, seed, here=arm.api is None) if live else nullcontext():
            answers = await solving.all()
    rows = [answers[name] for name in sorted(answers)]
    write_lines(files.pool(arm.name, seed), (a.pool.model_dump() for a in rows if a.pool is not None))
    write_lines(files.submissions(arm.name, seed), (a.submission.model_dump() for a in rows))


def lenders(job: Job, arm: Arm, seed: int) -> list[Path]:
    """The tapes of the arms that are done with this seed and ask the same model; none in a replay."""
    if job.mode == "replay" or not job.spec.share:
        return []
    files = RunFiles(job.root, job.out)
    return [
        files.tape(other.name, seed)
        for other in job.spec.arms
        if other.api == arm.api and files.submissions(other.name, seed).is_file()
    ]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What an arm plays. ``budgets``: generated tokens by problem; None where the arm is not matched to another."""

    strategy: Strategy
    moves: Mapping[str, Move]
    budgets: Mapping[str, int] | None

    def plays(self, problem: str) -> bool:
        """Whether it is known what the problem may cost."""
        return self.budgets is None or problem in self.budgets

    def budget(self, problem: str) -> int | None:
        """The problem's own budget."""
        return None if self.budgets is None else self.budgets[problem]

    def for_problem(self, problem: str) -> Strategy:
        """The strategy with the problem's budget."""
        budget = self.budget(problem)
        return self.strategy if budget is None else replace(self.strategy, max_generated_tokens=max(1, budget))


def budgets(root: Path, arm: Arm, seed: int) -> dict[str, int] | None:
    """Generated tokens that a matched arm may spend, by problem: what its reference spent, as it was handed over.

    What the reference lost cost nothing and says nothing: it has no budget, and is no part of a mean. A replay reads
    the original run's, so it finds the same. None for an arm that is not matched.

    Raises:
        UsageError: the reference's submissions are absent or malformed.
    """
    if not arm.match:
        return None
    rows = records.submissions(RunFiles.at(root).submissions(arm.match, seed))
    tokens = {name: row.usage.generated_tokens for name, row in rows.items() if not row.lost}
    if arm.match_total and tokens:
        return dict.fromkeys(rows, round(sum(tokens.values()) / len(tokens)))
    return tokens


class _ArmRun:
    """The problems of one arm and seed, several in flight."""

    def __init__(self, ground: _Ground, arm: Arm, seed: int, chosen: _Chosen, tools: Tools) -> None:
        self._ground, self._arm, self._seed = ground, arm, seed
        self._chosen, self._tools = chosen, tools
        self._problems = [p for p in ground.problems if chosen.plays(p.id)]
        spec = ground.job.spec
        self._settings = spec.settings(arm, seed)
        self._deadline = spec.deadline_s
        self._answers: dict[str, Answer] = {}
        slots = ground.models.slots(arm) if ground.models else 1
        self._gate = asyncio.Semaphore(spec.in_flight(slots))

    async def all(self) -> dict[str, Answer]:
        """Answers by problem. Those lost to the server are tried once more; diverged replays have none.

        A problem that was lost by the arm that this one is matched to is not played: nobody knows its budget.

        Raises:
            LLMError: the model server answers nothing.
            UsageError: a problem cannot be worked on.
            SandboxError: the sandbox is beyond recovery.
        """
        await gather(self._one(p) for p in self._problems)
        await gather(self._one(p) for p in self._problems if self._is_lost(p.id))
        for problem in self._ground.problems:
            if not self._chosen.plays(problem.id):
                self._answers[problem.id] = lost(
                    problem.id, f"it was lost by {self._arm.match}, which it is matched to"
                )
                self._tell(problem, 0.0)
        return self._answers

    def _is_lost(self, problem: str) -> bool:
        answer = self._answers.get(problem)
        return answer is not None and bool(answer.submission.lost)

    async def _one(self, problem: Problem) -> None:
        async with self._gate:
            began = time.monotonic()
            try:
                solved = await solve(
                    problem,
                    self._chosen.for_problem(problem.id),
                    self._tools,
                    settings=self._settings,
                    deadline=self._deadline,
                    moves=self._chosen.moves,
                )
                self._answers[problem.id] = answer_of(solved, self._chosen.budget(problem.id))
            except LLMError as error:
                self._answers[problem.id] = lost(problem.id, str(error))
                self._give_up_if_down(error)
            except ReplayError as error:
                if self._ground.job.mode == "live":
                    raise
                self._diverged(problem, error)
                return
            self._tell(problem, time.monotonic() - began)

    def _give_up_if_down(self, error: LLMError) -> None:
        so_far = self._answers.values()
        if all(a.submission.lost for a in so_far) and len(so_far) >= min(_GIVE_UP_AFTER, len(self._problems)):
            raise error

    def _diverged(self, problem: Problem, error: ReplayError) -> None:
        row = Divergence(arm=self._arm.name, seed=self._seed, problem=problem.id, error=str(error))
        append_line(self._ground.files.divergences, row.model_dump())

    def _tell(self, problem: Problem, seconds: float) -> None:
        name, seed = self._arm.name, self._seed
        submission = self._answers[problem.id].submission
        if self._ground.job.mode == "live":
            row = Seconds(arm=name, seed=seed, problem=problem.id, seconds=seconds)
            append_line(self._ground.files.seconds, row.model_dump())
        code = submission.code or ""
        told = self._ground.job.tell_programs and len(code) <= LONGEST_TOLD
        self._ground.on_event(
            Event(
                "solved",
                submission.lost,
                arm=name,
                seed=seed,
                problem=problem.id,
                done=len(self._answers),
                total=len(self._ground.problems),
                tokens=submission.usage.generated_tokens,
                seconds=seconds,
                code=code if told else None,
            )
        )


def main() -> int:
    """Entry point of the solving process."""
    job = JOB.validate_json(Path(sys.argv[1]).read_bytes())

    # Gone from the environment before anything else is started.
    secrets = {name: key for name in SECRETS if (key := os.environ.pop(name, None))}

    async def work(on_event: OnEvent) -> None:
        await solve_job(job, on_event, secrets)

    return child_main(work)


if __name__ == "__main__":
    sys.exit(main())
