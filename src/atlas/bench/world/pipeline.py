"""Compositions of steps: drawing them, running them, and the held-out split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, Final

from atlas.bench.world.edge import Edge, draw_edge
from atlas.bench.world.kinds import Bounds, Kind, in_bounds, random_value
from atlas.bench.world.primitive import Primitive, Step
from atlas.bench.world.steps import all_steps, rare

HELD_OUT_SHARE: Final = 5
"""One in this many compositions is held out."""

RARE_SHARE: Final = 0.4
"""How often a rare step is drawn, compared with another."""
_PROBES: Final = 14


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A composition with its parameters: what one problem asks for."""

    steps: tuple[Step, ...]
    edge: Edge | None = None

    @property
    def source(self) -> Kind:
        """Type of the input."""
        return self.steps[0].primitive.source

    @property
    def target(self) -> Kind:
        """Type of the output."""
        return self.steps[-1].primitive.target

    @property
    def names(self) -> tuple[str, ...]:
        """The composition: step names in order, without parameters."""
        return tuple(s.primitive.name for s in self.steps)

    def trace(self, value: Any) -> list[Any] | None:
        """The values from the input to the last step's, or None when one of them leaves the world's bounds."""
        values = [value]
        for step in self.steps:
            value = compiled(step.primitive.name, tuple(sorted(step.params.items())))(value)
            if not in_bounds(value):
                return None
            values.append(value)
        return values

    def output(self, value: Any) -> Any:
        """The output for an input that stays in bounds.

        Raises:
            ValueError: it does not.
        """
        values = self.trace(value)
        if values is None:
            raise ValueError("the input leaves the world's bounds")
        return values[-1] if self.edge is None else self.edge.result(value, values[-1])


def held_out(names: Sequence[str]) -> bool:
    """Whether a composition is kept from training. Single steps never are."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return len(names) > 1 and digest[0] % HELD_OUT_SHARE == 0


@lru_cache(maxsize=20_000)
def compiled(name: str, params: tuple[tuple[str, Any], ...]) -> Callable[[Any], Any]:
    """A step as a function. Only this module's own tables are compiled, never outside text."""
    step = Step(all_steps()[name], dict(params))
    body = "\n    ".join([*step.lines("v", "r"), "return r"])
    scope: dict[str, Any] = {}
    exec(f"def run(v):\n    {body}", scope)
    return scope["run"]


def draw(rng: Random, length: int, *, want_held_out: bool | None = None, edges: float = 0.0) -> Pipeline:
    """One useful pipeline of ``length`` steps: every step matters to the output and outputs vary.

    Each draw is anchored at a primitive chosen uniformly (but for the rare ones), so that rare types do not make
    rare steps. ``want_held_out`` restricts the draw to one side of the split. ``edges`` is the chance of an
    edge-case clause, where one fits.
    """
    steps = list(all_steps().values())
    while True:
        chain = _chain(rng, length, steps)
        if chain is None or (want_held_out is not None and held_out([p.name for p in chain]) != want_held_out):
            continue
        pipeline = Pipeline(tuple(Step(p, p.draw(rng)) for p in chain))
        traces = _useful(pipeline, rng)
        if traces:
            edge = draw_edge(pipeline.source, pipeline.target, traces, rng) if rng.random() < edges else None
            return Pipeline(pipeline.steps, edge)


def _chain(rng: Random, length: int, steps: Sequence[Primitive]) -> list[Primitive] | None:
    chain = [_pick(rng, steps)]
    at = rng.randrange(length)
    for _ in range(at):
        chain.insert(0, _pick(rng, [p for p in steps if p.target is chain[0].source]))
    for _ in range(length - at - 1):
        following = [p for p in steps if p.source is chain[-1].target]
        if not following:  # a truth value ends every pipeline
            return None
        chain.append(_pick(rng, following))
    return None if len(set(chain_names(chain))) < len(chain) else chain


def _pick(rng: Random, steps: Sequence[Primitive]) -> Primitive:
    while True:
        step = rng.choice(steps)
        if step.name not in rare.NAMES or rng.random() < RARE_SHARE or all(s.name in rare.NAMES for s in steps):
            return step


def chain_names(chain: Sequence[Primitive]) -> list[str]:
    """The names of a chain of primitives."""
    return [p.name for p in chain]


def _useful(pipeline: Pipeline, rng: Random) -> list[list[Any]]:
    """Traces of random inputs that show every step to matter; empty if they don't."""
    inputs = [random_value(pipeline.source, rng, Bounds(items=(1, 8))) for _ in range(_PROBES)]
    traces = [t for t in (pipeline.trace(v) for v in inputs) if t is not None]
    if len(traces) < _PROBES - 4:
        return []
    outputs = [repr(t[-1]) for t in traces]
    if pipeline.target is Kind.BOOL:
        if min(outputs.count("True"), outputs.count("False")) < 3:
            return []
    elif len(set(outputs)) < 5 or max(outputs.count(o) for o in outputs) > len(outputs) // 2:
        return []
    return traces if all(_matters(pipeline, i, traces) for i in range(len(pipeline.steps))) else []


def _matters(pipeline: Pipeline, index: int, traces: Sequence[list[Any]]) -> bool:
    """Whether leaving step ``index`` out changes the output on at least two probes."""
    step = pipeline.steps[index].primitive
    if step.source is not step.target:
        return True
    if len(pipeline.steps) == 1:
        return sum(t[0] != t[1] for t in traces) >= 2
    rest = Pipeline(pipeline.steps[:index] + pipeline.steps[index + 1 :])
    changed = 0
    for trace in traces:
        without = rest.trace(trace[0])
        changed += without is None or without[-1] != trace[-1]
    return changed >= 2
