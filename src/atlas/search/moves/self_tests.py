"""Self-tests: what the model expects for inputs of the pool, voted over several replies (CodeT, arXiv 2207.10397).

The inputs are the pool's, not the model's: predicting an output is the part that needs the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from atlas.llm.parse import extract_asserts, extract_blocks
from atlas.problem import FunctionProblem, Input, Value
from atlas.sandbox.types import Status
from atlas.search import prompts
from atlas.search.outputs import arity_fits, class_of, input_key, output, usable
from atlas.search.pool import Additions, TestCase
from atlas.search.session import Session

NAME = "self_tests"


async def self_tests(session: Session, *, inputs: int = 4, samples: int = 4) -> Additions:
    """Ask ``samples`` times for the outputs of ``inputs`` inputs.

    Expectations for an example's input are dropped: its output is known. Functions may be asserted on other
    inputs than the ones asked for, if the number of arguments fits.
    """
    if not session.pool.members:
        return Additions()  # There is nothing that could be tested.
    chosen = choose(session, inputs)
    if not chosen:
        return Additions(reasons=("no inputs were found to write tests for",))
    key = session.key(NAME, 0)
    messages = prompts.expected_outputs(session.pool.problem, chosen)
    reply = await session.ask(key, session.request(messages, NAME, 0, n=samples))
    known = {input_key(e.input) for e in session.pool.examples}
    votes: Counter[tuple[str, str]] = Counter()
    cases: dict[tuple[str, str], tuple[Input, Value]] = {}
    reasons: list[str] = []
    for completion in reply.completions:
        expectations = list(_expectations(session, completion.text, chosen))
        if not expectations:
            reasons.append("a reply held no usable test")
        # One vote a reply and expectation, however often it is repeated.
        named = {(input_key(i), class_of(i, v)): (i, v) for i, v in expectations}
        votes.update(named.keys())
        for name, case in named.items():
            cases.setdefault(name, case)
    voters = max(len(reply.completions), 1)
    tests = [TestCase(*cases[name], NAME, votes[name], voters) for name in cases if name[0] not in known]
    return Additions(tests=tuple(tests), reasons=tuple(reasons))


def choose(session: Session, count: int) -> list[Input]:
    """The inputs most worth asking about: those on which the candidates' outputs differ most, simple ones first.

    Examples are left out. Before anything was run all inputs differ alike, and the shortest are taken.
    """
    pool = session.pool
    known = {input_key(e.input) for e in pool.examples}
    asked = {input_key(t.input) for t in pool.tests}

    def worth(place: int) -> tuple[int, int, int]:
        input = pool.inputs[place]
        classes = {_outcome(session, u, place) for u in range(len(pool.members))}
        return -len(classes), len(input_key(input)), place

    fresh = [i for i, input in enumerate(pool.inputs) if input_key(input) not in known | asked]
    inside = [i for i in fresh if session.standing is None or _inside(session, i)]
    return [pool.inputs[i] for i in sorted(inside, key=worth)[:count]]


def _inside(session: Session, place: int) -> bool:
    informative = session.standing.informative if session.standing is not None else ()
    return place >= len(informative) or bool(informative[place])


def _outcome(session: Session, member: int, place: int) -> str:
    seen = session.pool.observation(member, place)
    if seen is None or seen.status is not Status.OK:
        return "-"
    input = session.pool.inputs[place]
    return class_of(input, output(input, seen))


def _expectations(session: Session, text: str, asked: Sequence[Input]) -> Iterator[tuple[Input, Value]]:
    problem = session.pool.problem
    if isinstance(problem, FunctionProblem):
        for call, value in extract_asserts(text, problem.signature.name):
            if arity_fits(call, len(problem.signature.parameters)) and usable(call):
                yield call, value
        return
    blocks = extract_blocks(text)
    # Blocks have no names: with one too few or too many nobody knows which belongs to which input.
    if len(blocks) == len(asked):
        yield from zip(asked, blocks, strict=True)
