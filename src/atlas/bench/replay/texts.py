"""Inputs and tests of a pool as text: calls and asserts, or for standard input the text itself and a JSON list."""

from __future__ import annotations

import json
from typing import Final

from pydantic import TypeAdapter, ValidationError

from atlas.llm.parse import extract_asserts, extract_calls
from atlas.problem import Example, Input, Stdin, Value
from atlas.search.outputs import input_key, usable

_PAIR: Final = TypeAdapter(tuple[str, str])


def claimed(test: str, entry: str) -> list[Example]:
    """What a test says: asserts about calls with literals, or for standard input a JSON list of input and output."""
    if entry:
        return [Example(call, value) for call, value in extract_asserts(test, entry)]
    try:
        pair = _PAIR.validate_json(test)
    except ValidationError:
        return []
    return [Example(Stdin(pair[0]), pair[1])]


def calls_in(input: str, entry: str) -> list[Input]:
    """The input that a text stands for: a call with literals, or the standard input itself; none if it is neither."""
    return list(extract_calls(input, entry)) if entry else [Stdin(input)]


def test_text(input: Input, expected: Value, entry: str) -> str:
    """The text of a test, as :func:`claimed` reads it."""
    if isinstance(input, Stdin):
        return json.dumps([input.text, expected])
    return f"assert {input_text(input, entry)} == {_written(expected)}"


def input_text(input: Input, entry: str) -> str:
    """The text of an input, as :func:`calls_in` reads it."""
    if isinstance(input, Stdin):
        return input.text
    return f"{entry}({', '.join(map(_written, input.args))})"


def claim(example: Example) -> tuple[str, str]:
    """A name for what an example says: the same for the same call and the same expectation."""
    return input_key(example.input), _written(example.output)


def only_claimed(test: str, entry: str) -> Example | None:
    """What a test says where it says one thing of one usable input; None for any other."""
    found = [example for example in claimed(test, entry) if usable(example.input)]
    return found[0] if len(found) == 1 else None


def _written(value: Value) -> str:
    try:
        return repr(value)
    except ValueError:
        return ""  # Python prints no int beyond some thousand digits
