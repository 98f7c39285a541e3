"""The kinds of probes, and the box in which each is tried.

A probe that is to be refused is an expression over ``host`` (what there is to get at outside; see ``hosts``). The same
text is first evaluated outside, where it must get what it asks for or meet the kernel's own objection to its
arguments: so a probe that is refused for a slip of its own is noticed. After every table of such attempts, and after
every other probe, everything outside must be as it was, and the same worker, not a new one, must serve the next job
from a box like the first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from observed import children, well_formed

from atlas.problem import Call, Input, Stdin
from atlas.sandbox import Limits, Observation, Program, Sandbox, Status
from atlas.sandbox.canary import TIERS

PRELUDE = (Path(__file__).parent / "prelude.py").read_text(encoding="utf-8")
LIMITS = Limits(cpu_s=1.0, wall_s=20.0, memory_mb=256, processes=8)

SYSCALL = frozenset({"EPERM", "ENOSYS"})
"""A system call that is not on the list."""
PATH = frozenset({"ENOENT", "EACCES", "EPERM", "EROFS"})
"""A path that is not there, not permitted or not writable: the tiers differ in it."""
NOT_FOUND = PATH | {"ENODATA"}
GOT = frozenset({"got"})
_UNPRIVILEGED = frozenset({"EPERM", "EACCES"})


@dataclass(frozen=True)
class Denied:
    """An expression that must be refused with one of ``errnos``; outside it must end in one of ``control``.

    ``control`` is None where showing it outside would do harm; then the errno must be one that the kernel itself has
    no reason for.
    """

    name: str
    expression: str
    errnos: frozenset[str] = SYSCALL
    control: Iterable[str] | None = GOT


@dataclass(frozen=True)
class Ok:
    """The observation of a return value, of that very type."""

    value: Any = None


Expected = Status | frozenset[Status] | Ok
"""What an input's observation must be."""


@dataclass(frozen=True)
class Run:
    """A program ``f``, its inputs, and what must be observed of each."""

    name: str
    code: str
    expected: tuple[Expected, ...]
    inputs: tuple[tuple[Any, ...], ...] = ((),)
    limits: Limits = LIMITS
    error: str | None = None
    """The error of the last input's observation."""
    tiers: frozenset[str] = frozenset(TIERS)
    script: bool = False


_NEXT_JOB = """
import builtins, os, random, resource, signal, socket, sys, threading
def f(x):
    def open_now(fd):
        try: return bool(os.fstat(fd))
        except OSError: return False
    folder = os.getcwd()
    return [
        x, folder, os.listdir(folder) if folder != "/" else [], dict(os.environ), os.getresuid()[:1] > (0,),
        [n for n in dir(builtins) if n != "__build_class__"], len(sys.modules), sys.path, sys.getrecursionlimit(),
        [fd for fd in range(64) if open_now(fd)], os.umask(0o22), threading.active_count(),
        [resource.getrlimit(n) for n in range(16)], [str(signal.getsignal(n)) for n in range(1, 65)],
        socket.gethostname(), random.random(), sum([1, 2]), signal.pthread_sigmask(signal.SIG_BLOCK, []) == set(),
    ]
"""


@dataclass
class Box:
    """One worker, what surrounds it, and what both looked like before the first probe."""

    sandbox: Sandbox
    host: Any
    outside: Any
    clean: list[Any] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    descriptors: int = 0
    _attempted: dict[str, asyncio.Future[dict[str, Observation]]] = field(default_factory=dict)

    async def look(self) -> None:
        """Note the state that every probe must leave behind."""
        self.processes = children(self.sandbox._nursery._process.pid)
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.clean = await self._next_job()

    async def run(self, code: str, inputs: Iterable[Input], limits: Limits = LIMITS) -> tuple[Observation, ...]:
        """Run ``f`` of ``code``, with the prelude in front of it."""
        return await self.sandbox.run(Program(f"{PRELUDE}\n\n{code}", "f"), list(inputs), limits)

    async def refuses(self, probe: Denied, table: Sequence[Denied]) -> None:
        """Show that the attempt means something outside, and that it is refused inside."""
        shown = None if probe.control is None else self.outside.attempt(probe.expression)
        if table[0].name not in self._attempted:
            self._attempted[table[0].name] = asyncio.ensure_future(self._attempt(table))
        seen = (await self._attempted[table[0].name])[probe.name]
        assert seen.status is Status.OK, seen
        assert seen.value in {f"denied: {name}" for name in probe.errnos}, seen.value
        if shown is not None:
            self._is_shown(shown, frozenset(probe.control or ()))

    async def _attempt(self, table: Sequence[Denied]) -> dict[str, Observation]:
        """Make all attempts of a table in one process: what is refused leaves nothing to the next."""
        attempts = "".join(f"    lambda host: {probe.expression},\n" for probe in table)
        code = (
            f"TABLE = [\n{attempts}]\n\n\ndef f(host, index):\n    try:\n"
            "        return attempt(lambda: TABLE[index](host))\n    finally:\n        os.closerange(5, 64)\n"
        )
        offer = self.host.offer(self.sandbox.tier)
        seen = await self.run(code, [Call((offer, index)) for index in range(len(table))])
        await self.intact()
        return {probe.name: observation for probe, observation in zip(table, seen, strict=True)}

    @staticmethod
    def _is_shown(shown: str, wanted: frozenset[str]) -> None:
        kind, _, rest = shown.partition(": ")
        assert kind in {"got", "denied"}, f"outside the box: {shown}"
        outcome = "got" if kind == "got" else rest
        if outcome in wanted:
            return
        if outcome == "ENOSYS" or (os.geteuid() and outcome in _UNPRIVILEGED):
            pytest.skip(f"refused, but this machine refuses it outside as well: {shown}")
        raise AssertionError(f"outside the box: {shown}")

    async def ends(self, probe: Run) -> tuple[Observation, ...]:
        """Run the probe's program and hold its observations to what is expected."""
        if self.sandbox.tier not in probe.tiers:
            pytest.skip(f"means nothing in tier {self.sandbox.tier}")
        if probe.script:
            program = Program(f"{PRELUDE}\n\n{probe.code}")
            seen = await self.sandbox.run(program, [Stdin(*i) for i in probe.inputs], probe.limits)
        else:
            seen = await self.run(probe.code, [Call(i) for i in probe.inputs], probe.limits)
        await self.intact()
        assert len(seen) == len(probe.expected)
        for observation, expected in zip(seen, probe.expected, strict=True):
            well_formed(observation, probe.limits)
            _holds(observation, expected)
        assert probe.error is None or seen[-1].error == probe.error
        return seen

    async def intact(self) -> None:
        """Everything outside is as it was, and the same worker serves the next job from a box like the first."""
        assert await self._next_job() == self.clean
        assert children(self.sandbox._nursery._process.pid) == self.processes, "a process more or less"
        assert len(os.listdir("/proc/self/fd")) == self.descriptors
        self.host.check()

    async def _next_job(self) -> list[Any]:
        (seen,) = await self.sandbox.run(Program(_NEXT_JOB, "f"), [Call((7,))])
        assert seen.status is Status.OK, seen
        assert seen.value[0] == 7
        return seen.value


def _holds(seen: Observation, expected: Expected) -> None:
    if isinstance(expected, Ok):
        assert seen.status is Status.OK, seen
        assert (type(seen.value), repr(seen.value)) == (type(expected.value), repr(expected.value))
    else:
        assert seen.status in ({expected} if isinstance(expected, Status) else expected), seen
