"""What a reply says about expected outputs, and which of it can't be right. Pure; replies are hostile input.

Models contradict themselves, the statement's examples and the signature. An expectation that does is no vote: it is
left out, counted under a sentence, and may be asked for again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from atlas.llm.parse import extract_asserts, extract_blocks
from atlas.llm.types import Completion
from atlas.problem import Call, FunctionProblem, Input, Problem, Value
from atlas.search.moves.annotated import returns_fit
from atlas.search.outputs import arity_fits, class_of, input_key, usable

NOTHING = "a reply held no usable test"
ARITY = "an expected output was for a call with the wrong number of arguments"
TYPE = "an expected output was of another type than the signature says"
EXAMPLE = "an expected output contradicted an example"
ITSELF = "an expected output was contradicted in the same reply"
BLOCKS = "a reply held another number of outputs than inputs"


@dataclass(frozen=True, slots=True)
class Told:
    """The valid expectations of one reply, one an input, and why others were left out."""

    expected: tuple[tuple[Input, Value], ...]
    reasons: tuple[str, ...]


def read_expected(problem: Problem, completion: Completion, asked: Sequence[Input]) -> Told:
    """What one reply expects for the ``asked`` inputs, and, for functions, for others that it chose itself.

    Expectations for an example's input are left out: its output is known.
    """
    if isinstance(problem, FunctionProblem):
        return _read_asserts(problem, completion)
    return _read_blocks(problem, completion, asked)


def _read_asserts(problem: FunctionProblem, completion: Completion) -> Told:
    claims = extract_asserts(completion.text, problem.signature.name)
    if completion.finish == "length":
        claims = claims[:-1]  # The last value may be cut off: 12 of 123 is a literal, too.
    known = {input_key(e.input): class_of(e.input, e.output) for e in problem.examples}
    named: dict[str, dict[str, tuple[Input, Value]]] = {}
    reasons: list[str] = []
    for call, value in claims:
        why = _flaw(problem, call, value, known)
        if why is not None:
            reasons.append(why)
        elif usable(call) and input_key(call) not in known:
            named.setdefault(input_key(call), {}).setdefault(class_of(call, value), (call, value))
    reasons += [ITSELF for values in named.values() if len(values) > 1]
    expected = tuple(case for values in named.values() if len(values) == 1 for case in values.values())
    return Told(expected, (*reasons, *(() if claims else (NOTHING,))))


def _flaw(problem: FunctionProblem, call: Call, value: Value, known: dict[str, str]) -> str | None:
    if not arity_fits(call, len(problem.signature.parameters)):
        return ARITY
    if known.get(input_key(call), class_of(call, value)) != class_of(call, value):
        return EXAMPLE
    return None if returns_fit(problem, value) else TYPE


def _read_blocks(problem: Problem, completion: Completion, asked: Sequence[Input]) -> Told:
    blocks = extract_blocks(completion.text)
    if not blocks:
        return Told((), (NOTHING,))
    # Blocks have no names: with one too few or too many nobody knows which belongs to which input.
    if len(blocks) != len(asked):
        return Told((), (BLOCKS,))
    prints = bool(problem.examples) and all(str(e.output).strip() for e in problem.examples)
    fitting = [(input, text) for input, text in zip(asked, blocks, strict=True) if text.strip() or not prints]
    return Told(tuple(fitting), (TYPE,) * (len(blocks) - len(fitting)))


@dataclass(slots=True)
class Ballot:
    """Votes on expected outputs: one a reply and input, at most ``voters`` an input."""

    voters: int
    _votes: dict[str, Counter[str]]
    _cases: dict[tuple[str, str], tuple[Input, Value]]

    @classmethod
    def of(cls, asked: Sequence[Input], voters: int) -> Ballot:
        """An empty ballot that lists the ``asked`` inputs first."""
        return cls(voters, {input_key(i): Counter() for i in asked}, {})

    def cast(self, told: Told) -> None:
        """Count a reply's expectations."""
        for input, value in told.expected:
            name = input_key(input)
            votes = self._votes.setdefault(name, Counter())
            if votes.total() < self.voters:
                votes[class_of(input, value)] += 1
                self._cases.setdefault((name, class_of(input, value)), (input, value))

    def lacking(self, input: Input) -> int:
        """Votes that are missing on an input."""
        return self.voters - self._votes[input_key(input)].total()

    def cases(self) -> list[tuple[Input, Value, int]]:
        """Input, expected output and its votes: asked inputs first, an input's outputs by their votes."""
        return [
            (*self._cases[name, output], count)
            for name, votes in self._votes.items()
            for output, count in votes.most_common()
        ]
