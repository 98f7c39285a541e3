"""Problems as JSON rows of a problem store. Values travel as tagged exact data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from atlas.compare.codec import decode, encode
from atlas.problem import (
    Call,
    Example,
    FunctionProblem,
    Input,
    Parameter,
    Problem,
    Signature,
    Stdin,
    StdinProblem,
)

Identifier = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,200}$")]
"""An id of a problem: short and on one line."""


class Row(BaseModel):
    """Base of every row read from disk: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class InputRow(Row):
    """Exactly one of ``call`` (encoded arguments) and ``stdin`` (text)."""

    call: list[Any] | None = None
    stdin: str | None = None


class ExampleRow(Row):
    """One example; ``output`` is encoded."""

    input: InputRow
    output: Any


class SignatureRow(Row):
    """A signature; parameters are (name, annotation) pairs."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()
    returns: str = ""


class ProblemRow(Row):
    """One line of ``problems.jsonl``. There is no field for a hidden test."""

    id: Identifier
    kind: Literal["function", "stdin"]
    statement: str
    signature: SignatureRow | None = None
    examples: tuple[ExampleRow, ...] = ()
    prelude: str = ""
    language: str = "python"
    tags: dict[str, str] = {}


def input_row(value: Input) -> dict[str, Any]:
    """An input as JSON-able data."""
    if isinstance(value, Stdin):
        return {"stdin": value.text}
    return {"call": [encode(argument) for argument in value.args]}


def row_input(row: InputRow) -> Input:
    """The input of a row.

    Raises:
        ValueError: both or neither of call and stdin, or an argument that does not decode.
    """
    if (row.call is None) == (row.stdin is None):
        raise ValueError("an input needs either call or stdin")
    if row.stdin is not None:
        return Stdin(row.stdin)
    return Call(tuple(decode(argument) for argument in row.call or ()))


def problem_row(problem: Problem) -> dict[str, Any]:
    """A problem as JSON-able data."""
    row: dict[str, Any] = {
        "id": problem.id,
        "statement": problem.statement,
        "examples": [{"input": input_row(e.input), "output": encode(e.output)} for e in problem.examples],
        "language": problem.language,
        "tags": dict(problem.tags),
    }
    if isinstance(problem, StdinProblem):
        return row | {"kind": "stdin"}
    signature = problem.signature
    return row | {
        "kind": "function",
        "prelude": problem.prelude,
        "signature": {
            "name": signature.name,
            "parameters": [[p.name, p.annotation] for p in signature.parameters],
            "returns": signature.returns,
        },
    }


def row_problem(row: ProblemRow) -> Problem:
    """The problem of a row.

    Raises:
        ValueError: the row contradicts its kind, or a value does not decode.
    """
    examples = tuple(Example(row_input(e.input), decode(e.output)) for e in row.examples)
    wanted = Stdin if row.kind == "stdin" else Call
    if any(type(e.input) is not wanted for e in examples):
        raise ValueError(f"an example of {row.id} is not of kind {row.kind}")
    if row.kind == "stdin":
        if row.signature is not None or row.prelude:
            raise ValueError(f"{row.id} is a stdin problem and has a signature or prelude")
        return StdinProblem(row.id, row.statement, examples, row.language, row.tags)
    if row.signature is None or not row.signature.name.isidentifier():
        raise ValueError(f"{row.id} is a function problem without a function's name")
    signature = Signature(
        row.signature.name,
        tuple(Parameter(name, annotation) for name, annotation in row.signature.parameters),
        row.signature.returns,
    )
    return FunctionProblem(row.id, row.statement, signature, examples, row.prelude, row.language, row.tags)
