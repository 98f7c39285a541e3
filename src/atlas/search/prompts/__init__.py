"""The text of every request the search makes: one template a kind of request, rendered with StrictUndefined.

The values that templates show (statements, programs, outputs) are data; they are never templates themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from atlas.llm.types import Message
from atlas.problem import Example, FunctionProblem, Input, Problem, Stdin


@dataclass(frozen=True, slots=True)
class Failure:
    """One observed failure of a program, as shown to the model that repairs it.

    ``got`` is the printed value, the stdout text, or the error; ``expected`` what the evidence expects.
    """

    input: Input
    got: str
    expected: str


@cache
def _environment() -> Environment:
    # Autoescape is for HTML; these are plain-text prompts.
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,
    )


def _render(template: str, **values: Any) -> tuple[Message, ...]:
    text = _environment().get_template(f"{template}.j2").render(**values)
    return (Message("user", text.strip()),)


def call_text(name: str, input: Input) -> str:
    """``name(arg, ...)`` as Python source; for stdin the text itself."""
    if isinstance(input, Stdin):
        return input.text.rstrip("\n")
    return f"{name}({', '.join(repr(a) for a in input.args)})"


def _name(problem: Problem) -> str:
    return problem.signature.name if isinstance(problem, FunctionProblem) else ""


def _shown(problem: Problem, examples: Sequence[Example]) -> list[dict[str, str]]:
    name = _name(problem)
    return [
        {
            "input": call_text(name, e.input),
            "output": str(e.output).rstrip("\n") if isinstance(e.input, Stdin) else repr(e.output),
        }
        for e in examples
    ]


def _about(problem: Problem) -> dict[str, Any]:
    """What every template may show of a problem."""
    function = isinstance(problem, FunctionProblem)
    return {
        "kind": "function" if function else "stdin",
        "statement": problem.statement.strip(),
        "signature": str(problem.signature) if function else "",
        "name": _name(problem),
        "prelude": problem.prelude.strip() if function else "",
        "examples": _shown(problem, problem.examples),
    }


def draft(problem: Problem) -> tuple[Message, ...]:
    """Ask for a whole program; reply: one fenced Python block."""
    return _render("draft", **_about(problem))


def expected_outputs(problem: Problem, inputs: Sequence[Input]) -> tuple[Message, ...]:
    """Ask what a correct program returns or prints for ``inputs``.

    Reply for functions: ``assert name(args) == value`` lines in one Python block, comments allowed.
    Reply for stdin: one fenced text block per input, in order.
    """
    name = _name(problem)
    return _render("expected_outputs", **_about(problem), inputs=[call_text(name, i) for i in inputs])


def propose_inputs(problem: Problem, count: int) -> tuple[Message, ...]:
    """Ask for ``count`` test inputs without outputs.

    Reply for functions: calls ``name(args)``, one a line, in one Python block; for stdin fenced text blocks.
    """
    return _render("propose_inputs", **_about(problem), count=count)


def repair(problem: Problem, code: str, failures: Sequence[Failure]) -> tuple[Message, ...]:
    """Ask for a corrected program given what failed; reply: one fenced Python block."""
    name = _name(problem)
    shown = [
        {"input": call_text(name, f.input), "got": f.got.rstrip("\n"), "expected": f.expected.rstrip("\n")}
        for f in failures
    ]
    return _render("repair", **_about(problem), code=code.strip(), failures=shown)
