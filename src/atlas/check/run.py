"""The check itself: every kind of request a few times; replies are read and judged.

All requests are made at once: the client's queue (``atlas.broker``) sends as many as the server takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from atlas.check.findings import Asked, Findings, KindFinding
from atlas.check.kinds import KINDS, Kind, Reading, Subject
from atlas.check.samples import Sample
from atlas.check.speed import measure
from atlas.errors import LLMError
from atlas.gather import gather
from atlas.llm.types import RECOMMENDED, Client, Completion, Request, Sampling, Thinking
from atlas.problem import Example
from atlas.sandbox.types import Limits, Program
from atlas.search.assemble import assemble
from atlas.search.outputs import class_of, input_key, matches, output, shown, shown_value
from atlas.search.prompts import Failure
from atlas.search.retry import limit_for_several
from atlas.search.settings import Runner, derived_seed

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how many requests are answered, and of how many."""

_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Plan:
    """How to ask: each kind ``times`` times, on a server of so many ``slots``.

    ``max_tokens`` bounds a reply, ``thinking`` (tokens) the thought of the kind that thinks; 0 leaves that kind out.
    """

    times: int = 3
    slots: int = 8
    max_tokens: int = 2048
    sampling: Sampling = RECOMMENDED
    thinking: int = 1024
    seed: int = 0


def ignore(doing: str, done: int, of: int) -> None:
    """Report to nobody."""


async def check(
    client: Client, sandbox: Runner, samples: Sequence[Sample], plan: Plan, progress: Progress = ignore
) -> Findings:
    """Ask ``client`` every kind of request about ``samples``, and measure its speed when that is done.

    A request that the server refuses is a reply that is not usable, with the server's words.

    Raises:
        LLMError: no request was answered at all.
        SandboxError: the sandbox is beyond recovery.
    """
    thinks = client.capabilities.thinking != "none" and plan.thinking > 0
    subjects = await gather(_subject(sandbox, sample) for sample in samples)
    check = _Check(client, sandbox, plan, progress)
    kinds = [kind for kind in KINDS if thinks or not kind.thinks]
    todo = [(kind, [s for s in subjects if kind.ask(s) is not None]) for kind in kinds]
    check.total = plan.times * sum(bool(fitting) for _, fitting in todo)
    found = await gather(check.kind(kind, fitting) for kind, fitting in todo)
    replies = [r for kind in found for r in kind.replies]
    if replies and all(r.failed for r in replies):
        raise LLMError(replies[0].failed)
    progress("measuring the speed", check.done, check.total)
    speed = await measure(client, plan.slots, plan.max_tokens)
    return Findings(
        capabilities=client.capabilities,
        kinds=tuple(found),
        speed=speed,
        max_tokens=plan.max_tokens,
        sampling=plan.sampling,
        thinking_budget=plan.thinking if thinks else 0,
    )


async def _subject(sandbox: Runner, sample: Sample) -> Subject:
    """The sample with the first known output that its wrong program misses."""
    program = assemble(sample.problem, sample.wrong)
    seen = await sandbox.run(program, [e.input for e in sample.outputs], _LIMITS)
    for example, observation in zip(sample.outputs, seen, strict=True):
        if not matches(example.input, example.output, observation):
            expected = shown_value(example.input, example.output)
            return Subject(sample, Failure(example.input, shown(example.input, observation), expected))
    return Subject(sample, None)


class _Check:
    """The requests of one check."""

    def __init__(self, client: Client, sandbox: Runner, plan: Plan, progress: Progress) -> None:
        self._client, self._sandbox, self._plan, self._progress = client, sandbox, plan, progress
        self.total = self.done = 0

    async def kind(self, kind: Kind, fitting: Sequence[Subject]) -> KindFinding:
        """Ask about the fitting subjects in turn: the first time greedily, then as recommended."""
        times = range(self._plan.times if fitting else 0)
        replies = await gather(self._one(kind, fitting[i % len(fitting)], i) for i in times)
        return KindFinding(kind.name, kind.serves, kind.costs, tuple(replies))

    async def _one(self, kind: Kind, subject: Subject, place: int) -> Asked:
        messages = kind.ask(subject)
        assert messages is not None  # only fitting subjects come here
        request = Request(
            messages,
            max_tokens=self._plan.max_tokens,
            sampling=self._plan.sampling if place else Sampling(),
            seed=derived_seed(self._plan.seed, "check", kind.name, place),
            thinking=Thinking(self._plan.thinking) if kind.thinks else None,
        )
        if kind.several:
            request = replace(request, max_tokens=limit_for_several(self._client, request))
        asked = await self._answered(kind, subject, request)
        self.done += 1
        self._progress(kind.name, self.done, self.total)
        return asked

    async def _answered(self, kind: Kind, subject: Subject, request: Request) -> Asked:
        try:
            reply = await self._client.complete(request)
        except LLMError as error:
            return Asked(False, failed=str(error))
        completion = reply.completions[0]
        reading = kind.read(subject, completion)
        return Asked(
            usable=reading.usable,
            right=await self._right(kind, subject, reading),
            truncated=completion.finish == "length",
            tokens=completion.tokens,
            prompt_tokens=reply.prompt_tokens,
            seconds=reply.seconds,
            thought=len(_thought(completion)),
            spared=reading.spared,
            changed=reading.changed,
        )

    async def _right(self, kind: Kind, subject: Subject, reading: Reading) -> bool | None:
        """Whether what was read is right, as far as it can be known; nothing usable is not judged."""
        sample = subject.sample
        if reading.program is not None:
            return await self._passes(reading.program, sample.outputs) if sample.outputs else None
        if kind.serves == "distinguish" and reading.inputs:
            return await self._parts(sample, reading)
        known = [(i, v) for i, v in reading.expected if input_key(i) in sample.known]
        if not known:
            return None
        return all(class_of(i, v) == class_of(i, sample.known[input_key(i)]) for i, v in known)

    async def _passes(self, program: Program, outputs: Sequence[Example]) -> bool:
        seen = await self._sandbox.run(program, [e.input for e in outputs], _LIMITS)
        return all(matches(e.input, e.output, o) for e, o in zip(outputs, seen, strict=True))

    async def _parts(self, sample: Sample, reading: Reading) -> bool:
        """Whether one of the inputs tells the sample's two programs apart."""
        programs = [assemble(sample.problem, code) for code in (sample.wrong, sample.other)]
        first, second = await gather(self._sandbox.run(p, reading.inputs, _LIMITS) for p in programs)
        return any(
            a.status != b.status or class_of(i, output(i, a)) != class_of(i, output(i, b))
            for i, a, b in zip(reading.inputs, first, second, strict=True)
        )


def _thought(completion: Completion) -> str:
    """The reasoning, also where the server leaves it in the text."""
    if completion.reasoning or "</think>" not in completion.text:
        return completion.reasoning
    return completion.text.partition("</think>")[0]
