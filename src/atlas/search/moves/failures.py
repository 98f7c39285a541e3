"""What a candidate fails on, what is expected there, and how sure that is. Read from the pool; nothing is asked.

An example's failure is certain. Elsewhere an expected output is as probable as the posterior says: the probability of
the likelier candidates that give it, and, in case no candidate is right, the reliability of the problem's self-tests
times the votes for it. All of that under the condition that the failing candidate is wrong: whoever repairs it supposes
so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from atlas.problem import Input, Value
from atlas.sandbox.types import Status
from atlas.search.evidence import Posterior
from atlas.search.outputs import class_of, input_key, matches, output, shown, shown_value
from atlas.search.pool import Pool
from atlas.search.prompts import Failure
from atlas.search.session import Session

_LIKELY = 0.5
"""A less probable expectation would more often mislead than help."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A failure of one candidate, and whether an ``example`` of the statement shows it."""

    failure: Failure
    example: bool

    @property
    def key(self) -> str:
        """The same text for the same failing input."""
        return input_key(self.failure.input)


def findings(session: Session, member: int) -> list[Finding]:
    """What a member of the pool fails on, the most telling first; inputs outside the domain are left out.

    Examples come in the statement's order, then other inputs by how sure the expected output is. Nothing is found
    before the first ranking.
    """
    standing = session.standing
    if standing is None:
        return []
    pool = session.pool
    elsewhere = sorted(_elsewhere(pool, standing, member), key=lambda f: (-f.failure.sure, len(f.key)))
    return [*_examples(pool, member), *elsewhere]


def _examples(pool: Pool, member: int) -> Iterator[Finding]:
    for input, expected in {input_key(e.input): (e.input, e.output) for e in pool.examples}.values():
        yield from _failing(pool, member, input, expected, None)


def _elsewhere(pool: Pool, standing: Posterior, member: int) -> Iterator[Finding]:
    shown = {input_key(e.input) for e in pool.examples}
    for place, inside in enumerate(standing.informative):
        input = pool.inputs[place]
        if inside and input_key(input) not in shown:
            expected = _expected(pool, standing, member, place)
            if expected is not None and expected[1] > _LIKELY:
                yield from _failing(pool, member, input, *expected)


def _failing(pool: Pool, member: int, input: Input, expected: Value, sure: float | None) -> Iterator[Finding]:
    seen = pool.observation(member, pool.index_of(input))
    if seen is not None and not matches(input, expected, seen):
        known = 1.0 if sure is None else sure
        yield Finding(Failure(input, shown(input, seen), shown_value(input, expected), known), sure is None)


def _expected(pool: Pool, standing: Posterior, failing: int, place: int) -> tuple[Value, float] | None:
    """The likeliest output on an input, and its probability if the ``failing`` member is wrong."""
    input = pool.inputs[place]
    masses: dict[str, float] = {}
    values: dict[str, Value] = {}

    def count(value: Value, mass: float) -> None:
        name = class_of(input, value)
        masses[name] = masses.get(name, 0.0) + mass
        values.setdefault(name, value)

    others = {int(c): u for u, c in enumerate(standing.cluster) if c != standing.cluster[failing]}
    own = float(standing.exclusive[failing])
    none_right = 1.0 - own
    for u in others.values():
        seen, mass = pool.observation(u, place), float(standing.exclusive[u])
        none_right -= mass
        if mass > own and seen is not None and seen.status is Status.OK:
            count(output(input, seen), mass)
    for test in pool.tests:
        if pool.index_of(test.input) == place:
            count(test.expected, none_right * standing.reliability * test.votes / test.voters)
    if not masses:
        return None
    best = max(masses, key=lambda name: (masses[name], name))
    return values[best], masses[best] / (1.0 - own)
