"""What a candidate fails on, what is expected there, and how sure that is. Read from the pool; nothing is asked.

An example's failure is certain. Elsewhere the expected output is what the candidates' probability and the self-tests
say together: a self-test counts by its votes and by how reliable the problem's tests look, a candidate by its votes
and its probability.
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

EXAMPLE, SELF_TEST, MAJORITY = 0, 1, 2
"""By what a failure is known, the most telling first."""
_STRONG_TEST = 0.3
_STRONG_MAJORITY = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """A failure of one candidate: ``known_by`` what, and how ``sure`` in [0, 1] the expected output is right."""

    failure: Failure
    known_by: int
    sure: float

    @property
    def key(self) -> str:
        """The same text for the same failing input."""
        return input_key(self.failure.input)


def findings(session: Session, member: int) -> list[Finding]:
    """What a member of the pool fails on, the most telling first; inputs outside the domain are left out.

    Examples come in the statement's order, self-tests by how sure they are, then inputs on which most of the
    probability is on another output. Nothing is found before the first ranking.
    """
    standing = session.standing
    if standing is None:
        return []
    pool = session.pool
    found = [*_examples(pool, member), *_tests(pool, standing, member), *_outvoted(pool, standing, member)]
    firsts: dict[str, Finding] = {}
    for finding in sorted(found, key=lambda f: (f.known_by, -f.sure, len(f.key) if f.known_by else 0)):
        firsts.setdefault(finding.key, finding)
    return list(firsts.values())


def _examples(pool: Pool, member: int) -> Iterator[Finding]:
    for example in pool.examples:
        yield from _failing(pool, member, example.input, example.output, EXAMPLE, 1.0)


def _tests(pool: Pool, standing: Posterior, member: int) -> Iterator[Finding]:
    """Self-tests that are likely right: most replies say so, and the problem's tests look reliable."""
    for test in pool.tests:
        sure = standing.reliability * test.votes / test.voters
        if sure >= _STRONG_TEST and 2 * test.votes > test.voters and _inside(pool, standing, test.input):
            yield from _failing(pool, member, test.input, test.expected, SELF_TEST, sure)


def _outvoted(pool: Pool, standing: Posterior, member: int) -> Iterator[Finding]:
    for input in pool.inputs:
        verdict = _verdict(pool, standing, input)
        if verdict is not None and verdict[1] > _STRONG_MAJORITY and _inside(pool, standing, input):
            yield from _failing(pool, member, input, verdict[0], MAJORITY, verdict[1])


def _failing(pool: Pool, member: int, input: Input, expected: Value, known_by: int, sure: float) -> Iterator[Finding]:
    seen = pool.observation(member, pool.index_of(input))
    if seen is not None and not matches(input, expected, seen):
        failure = Failure(input, shown(input, seen), shown_value(input, expected))
        yield Finding(failure, known_by, sure)


def _inside(pool: Pool, standing: Posterior, input: Input) -> bool:
    place = pool.index_of(input)
    return place >= len(standing.informative) or bool(standing.informative[place])


def _verdict(pool: Pool, standing: Posterior, input: Input) -> tuple[Value, float] | None:
    """The likeliest output on an input and its share of what the candidates and the tests say."""
    place = pool.index_of(input)
    shares: dict[str, float] = {}
    values: dict[str, Value] = {}
    total = 0.0

    def count(value: Value, weight: float) -> None:
        name = class_of(input, value)
        shares[name] = shares.get(name, 0.0) + weight
        values.setdefault(name, value)

    for u, member in enumerate(pool.members):
        seen = pool.observation(u, place)
        weight = member.weight * float(standing.probability[u])
        total += weight
        if seen is not None and seen.status is Status.OK:
            count(output(input, seen), weight)
    for test in (t for t in pool.tests if input_key(t.input) == input_key(input)):
        weight = standing.reliability * test.votes / test.voters
        total += weight
        count(test.expected, weight)
    if not shares or total <= 0:
        return None
    best = max(shares, key=lambda name: (shares[name], name))
    return values[best], shares[best] / total
