"""Our sandbox as its users have it: inputs in, values out, compared in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby

from atlas.compare.rules import Rule, equal
from atlas.problem import Call
from atlas.sandbox import Limits, Program, Sandbox, Status
from atlas.search.assemble import normal_form
from sandbox_peers.case import Case

_LIMITS = Limits(cpu_s=1.0)


class Ours:
    """``search``: judge as the search and the grader do, equal programs once and the first input first."""

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

    async def _group(self, cases: Sequence[Case]) -> Iterator[bool]:
        forms = [normal_form(case.code) for case in cases]
        distinct = dict(zip(forms, cases, strict=True))
        passed = dict(zip(distinct, await asyncio.gather(*map(self._staged, distinct.values())), strict=True))
        return (passed[form] for form in forms)

    async def _staged(self, case: Case) -> bool:
        return await self._passes(case, 0, 1) and await self._passes(case, 1, len(case.calls))

    async def _passes(self, case: Case, start: int, end: int) -> bool:
        inputs = [Call(args) for args in case.calls[start:end]]
        seen = await self._sandbox.run(Program(case.code, case.entry), inputs, _LIMITS)
        rule = Rule("exact" if case.rule == "exact" else "python_eq")
        return all(
            o.status is Status.OK and equal(expected, o.value, rule)
            for o, expected in zip(seen, case.expected[start:end], strict=True)
        )
