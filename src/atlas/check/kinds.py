"""The kinds of request that the search makes: one row a kind, with what is asked and how its reply is read.

The texts are the search's own prompts, and the replies are read by what its moves read them with, so that "usable"
means here what it means there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from atlas.check.samples import Sample
from atlas.llm.fences import CODE_END
from atlas.llm.parse import extract_list
from atlas.llm.types import Completion, Message
from atlas.problem import FunctionProblem, Input, StdinProblem, Value
from atlas.sandbox.types import Program
from atlas.search import prompts
from atlas.search.assemble import assemble
from atlas.search.moves.expectations import read_expected
from atlas.search.moves.ideas import list_of, text_of
from atlas.search.moves.making import read_inputs
from atlas.search.moves.programs import program_of
from atlas.search.prompts import Attempt, Failure
from atlas.structures import shape_of

_COUNT = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """A sample with what its wrong program was seen to do."""

    sample: Sample
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply held: something usable or not; a program, inputs or expectations that can be judged further.

    ``spared`` and ``changed`` say of a program's reply what ending it where its first code block closes would do.
    """

    usable: bool
    program: Program | None = None
    inputs: tuple[Input, ...] = ()
    expected: tuple[tuple[Input, Value], ...] = ()
    spared: float | None = None
    changed: bool = False


Ask: TypeAlias = Callable[[Subject], tuple[Message, ...] | None]
"""The request about a subject; None where the kind does not fit it."""
Read: TypeAlias = Callable[[Subject, Completion], Reading]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request. ``serves`` names the part of the search that can't work without it, ``costs`` what then.

    ``several`` answers are asked for in one reply, which may be the longer for it.
    """

    name: str
    ask: Ask
    read: Read
    serves: str
    costs: str
    thinks: bool = False
    several: bool = False


def _program(subject: Subject, completion: Completion) -> Reading:
    problem = subject.sample.problem
    code = program_of(problem, completion).code
    begun, ended, rest = completion.text.partition(CODE_END)
    changed = bool(ended) and program_of(problem, replace(completion, text=begun, finish="stop")).code != code
    program = None if code is None else assemble(problem, code)
    return Reading(program is not None, program, spared=len(rest) / max(1, len(completion.text)), changed=changed)


def _list(subject: Subject, completion: Completion) -> Reading:
    return Reading(bool(list_of(completion)))


def _text(subject: Subject, completion: Completion) -> Reading:
    return Reading(bool(text_of(subject.sample.problem, completion)))


def _inputs(subject: Subject, completion: Completion) -> Reading:
    found = read_inputs(subject.sample.problem, completion.text)
    return Reading(bool(found), inputs=tuple(found))


def _expected(subject: Subject, completion: Completion) -> Reading:
    told = read_expected(subject.sample.problem, completion, subject.sample.asked)
    return Reading(bool(told.expected), expected=told.expected)


def _is_structured(subject: Subject) -> bool:
    problem = subject.sample.problem
    return isinstance(problem, FunctionProblem) and any(shape_of(p.annotation) for p in problem.signature.parameters)


def _draft_function(subject: Subject) -> tuple[Message, ...] | None:
    plain = isinstance(subject.sample.problem, FunctionProblem) and not _is_structured(subject)
    return prompts.draft(subject.sample.problem) if plain else None


def _draft_program(subject: Subject) -> tuple[Message, ...] | None:
    return prompts.draft(subject.sample.problem) if isinstance(subject.sample.problem, StdinProblem) else None


def _draft_nodes(subject: Subject) -> tuple[Message, ...] | None:
    return prompts.draft(subject.sample.problem) if _is_structured(subject) else None


def _planned(subject: Subject) -> tuple[Message, ...]:
    plan = "1. Read the input.\n2. Work through it from the first item to the last.\n3. Give back the result."
    return prompts.draft(subject.sample.problem, plan=plan)


def _on_failure(make: Callable[[Sample, Failure], tuple[Message, ...]]) -> Ask:
    return lambda subject: None if subject.failure is None else make(subject.sample, subject.failure)


_FORCED = "the search rests on drafts: without them there is nothing to choose from"
KINDS: Sequence[Kind] = (
    Kind("draft: function", _draft_function, _program, "draft", _FORCED),
    Kind("draft: program for standard input", _draft_program, _program, "draft", _FORCED),
    Kind("draft: linked lists and trees", _draft_nodes, _program, "draft", "such problems will get few candidates"),
    Kind(
        "draft with a thought",
        lambda subject: prompts.draft(subject.sample.problem),
        _program,
        "thinking",
        "thinking budgets buy nothing: leave thinking off",
        thinks=True,
    ),
    Kind(
        "observations",
        lambda subject: prompts.observations(subject.sample.problem),
        _list,
        "plan_search",
        "plan_search falls back on plans without observations",
    ),
    Kind(
        "plan",
        lambda subject: prompts.plan(subject.sample.problem, ["Each item is looked at once."]),
        lambda subject, completion: Reading(bool(extract_list(completion.text))),
        "plan_search",
        "plan_search makes few programs",
    ),
    Kind("draft from a plan", _planned, _program, "plan_search", "plan_search makes few programs"),
    Kind(
        "restatement",
        lambda subject: prompts.restate(subject.sample.problem),
        _text,
        "div_sampling",
        "div_sampling loses its restatements",
    ),
    Kind(
        "parts",
        lambda subject: prompts.parts(subject.sample.problem),
        _list,
        "div_sampling",
        "div_sampling loses its decompositions",
    ),
    Kind(
        "inputs",
        lambda subject: prompts.propose_inputs(subject.sample.problem, _COUNT),
        _inputs,
        "inputs",
        "problems without examples or annotations will be chosen by votes alone",
    ),
    Kind(
        "inputs that tell apart",
        lambda subject: prompts.distinguish(subject.sample.problem, subject.sample.wrong, subject.sample.other, _COUNT),
        _inputs,
        "distinguish",
        "distinguish has only the inputs that it makes itself",
    ),
    Kind(
        "expected outputs",
        lambda subject: (
            prompts.expected_outputs(subject.sample.problem, subject.sample.asked) if subject.sample.asked else None
        ),
        _expected,
        "self_tests",
        "self_tests add nothing, and repair is told less",
        several=True,
    ),
    Kind(
        "analysis of a failure",
        _on_failure(lambda sample, failure: prompts.analyse(sample.problem, sample.wrong, failure, "trace")),
        _text,
        "repair",
        "repair works without analyses",
    ),
    Kind(
        "repair",
        _on_failure(lambda sample, failure: prompts.repair(sample.problem, sample.wrong, [failure])),
        _program,
        "repair",
        "phase 3 rescues nothing: spend its tokens on drafts (best-of-n)",
    ),
    Kind(
        "refinement",
        _on_failure(lambda sample, failure: prompts.refine(sample.problem, [Attempt(sample.wrong, failure)])),
        _program,
        "refine",
        "refine rescues nothing",
    ),
)
