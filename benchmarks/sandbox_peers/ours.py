"""Our sandbox as its users have it: inputs in, values out, compared in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby

from atlas.compare.rules import Rule, equal
from atlas.problem import Call
from atlas.sandbox import Limits, Observation, Program, Sandbox, Status
from sandbox_peers.case import Case

_LIMITS = Limits(cpu_s=1.0)


class Ours:
    """``search``: judge as the search and the grader do: equal programs once, the first input first, time by pace."""

    def __init__(self, tier: str | None = None, search: bool = False) -> None:
        self.tier = tier
        self._search = search
        self._runner = asyncio.Runner()

    def start(self, workers: int) -> None:
        self._sandbox = self._runner.run(Sandbox.start(workers, tier=self.tier))
        self.tier = self._sandbox.tier

    def judge(self, cases: Sequence[Case]) -> list[bool]:
        return self._runner.run(self._all_distinct(cases) if self._search else self._all(cases))

    def close(self) -> None:
        self._runner.run(self._sandbox.aclose())
        self._runner.close()

    async def _all(self, cases: Sequence[Case]) -> list[bool]:
        return list(await asyncio.gather(*(self._passes(case, 0, len(case.calls)) for case in cases)))

    async def _all_distinct(self, cases: Sequence[Case]) -> list[bool]:
        groups = [list(group) for _, group in groupby(cases, key=lambda case: case.problem)]
        done = await asyncio.gather(*(self._group(group) for group in groups))
        return [passed for group in done for passed in group]

    async def _group(self, cases: Sequence[Case]) -> list[bool]:
        """One problem's candidates: those that the first input does not tell wrong go on with the others."""
        first = await self._stage(cases, 0, 1)
        left = [case for case, passed in zip(cases, first, strict=True) if passed]
        rest = iter(await self._stage(left, 1, len(cases[0].calls)))
        return [passed and next(rest) for passed in first]

    async def _stage(self, cases: Sequence[Case], start: int, end: int) -> list[bool]:
        if not cases:
            return []
        programs = [Program(case.code, case.entry) for case in cases]
        found = await self._sandbox.run_all(programs, [Call(args) for args in cases[0].calls[start:end]], _LIMITS)
        return [
            len(seen) == end - start and _right(case, list(seen.values()), start)
            for case, seen in zip(cases, found, strict=True)
        ]

    async def _passes(self, case: Case, start: int, end: int) -> bool:
        inputs = [Call(args) for args in case.calls[start:end]]
        return _right(case, await self._sandbox.run(Program(case.code, case.entry), inputs, _LIMITS), start)


def _right(case: Case, seen: Sequence[Observation], start: int) -> bool:
    rule = Rule("exact" if case.rule == "exact" else "python_eq")
    return all(
        o.status is Status.OK and equal(expected, o.value, rule)
        for o, expected in zip(seen, case.expected[start:], strict=False)
    )
