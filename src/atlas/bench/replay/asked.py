"""What the statement of a recorded problem says besides its text: the signature, and examples that can be run."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from atlas.bench.suites.humaneval import doctest_examples
from atlas.llm.parse import extract_asserts
from atlas.llm.syntax import parsed
from atlas.problem import Example, Parameter, Signature, Value
from atlas.search.outputs import input_key, usable


@dataclass(frozen=True, slots=True)
class Asked:
    """``signature`` is None where neither the statement nor any candidate defines the function plainly."""

    prompt: str
    entry: str
    signature: Signature | None
    examples: tuple[Example, ...]


def asked_of(prompt: str, entry: str, public_tests: Sequence[str], programs: Sequence[str]) -> Asked:
    """Read a statement. Examples are its public tests, else its doctests, else asserts in its text.

    A statement without a ``def`` has the signature that the first candidate gives the function.
    """
    found = [Example(call, value) for test in public_tests for call, value in extract_asserts(test, entry)]
    found = found or list(_doctests(prompt, entry))
    found = found or [Example(call, value) for call, value in extract_asserts(prompt, entry)]
    definitions = (_defined(source, entry) for source in (prompt, *programs))
    signature = next((d for d in definitions if d is not None), None)
    return Asked(prompt, entry, signature, tuple(e for e in found if usable(e.input)))


def claim(example: Example) -> tuple[str, str]:
    """A name for what an example says: the same for the same call and the same expectation."""
    return input_key(example.input), _written(example.output)


def claim_of(test: str, entry: str) -> tuple[str, str] | None:
    """The claim of an assert; None where it is not about one call with literals."""
    found = extract_asserts(test, entry)
    return claim(Example(*found[0])) if len(found) == 1 else None


def _written(value: Value) -> str:
    try:
        return repr(value)
    except ValueError:
        return ""  # Python prints no int beyond some thousand digits


def _doctests(prompt: str, entry: str) -> tuple[Example, ...]:
    function = _function(prompt, entry)
    docstring = None if function is None else ast.get_docstring(function)
    return doctest_examples(docstring, entry) if docstring else ()


def _defined(source: str, entry: str) -> Signature | None:
    function = _function(source, entry)
    if function is None or function.args.vararg or function.args.kwonlyargs:
        return None
    return Signature(
        entry,
        tuple(Parameter(a.arg, ast.unparse(a.annotation) if a.annotation else "") for a in function.args.args),
        ast.unparse(function.returns) if function.returns else "",
    )


def _function(source: str, entry: str) -> ast.FunctionDef | None:
    # A prompt may end in its def line.
    tree = parsed(source) or parsed(f"{source}\n    pass\n")
    nodes = [] if tree is None else tree.body
    return next((n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == entry), None)
