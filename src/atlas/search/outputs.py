"""What a program did on an input, as something to compare: the search's own idea of equal outputs.

The search never knows by which rule an answer will be graded. Outputs agree here when types and data are the
same, floats to 10 significant digits, stdout token by token.
"""

from __future__ import annotations

import math
from typing import Any, cast

from atlas.compare import codec
from atlas.compare.rules import Rule, equal, fingerprint
from atlas.problem import Call, Input, Stdin, Value
from atlas.sandbox.types import Observation, Status

_STDOUT = Rule("stdout")
_EXAMPLE = Rule("float", 1e-6)
_SHOWN = 300
_KINDS: dict[type, Any] = {kind: kind for kind in (list, tuple, set, frozenset)}

LIMITS = (Status.CPU_LIMIT, Status.WALL_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT)


def input_key(input: Input) -> str:
    """The same text for the same input, types included."""
    return "s" + codec.dumps(input.text) if isinstance(input, Stdin) else "c" + codec.dumps(input.args)


def usable(input: Input) -> bool:
    """Whether ``input`` is plain data that can be carried to the sandbox."""
    return codec.is_plain(input.text if isinstance(input, Stdin) else input.args)


def output(input: Input, observation: Observation) -> Value:
    """The part of an observation that answers the problem."""
    return observation.stdout if isinstance(input, Stdin) else observation.value


def matches(input: Input, expected: Value, observation: Observation) -> bool:
    """Whether a program gave ``expected`` on ``input``; numbers within 1e-6, an int may stand for a float."""
    if observation.status is not Status.OK:
        return False
    return equal(expected, output(input, observation), _STDOUT if isinstance(input, Stdin) else _EXAMPLE)


def class_of(input: Input, value: Value) -> str:
    """The same text for outputs that agree."""
    return fingerprint(value, _STDOUT) if isinstance(input, Stdin) else fingerprint(_rounded(value))


def shown(input: Input, observation: Observation) -> str:
    """The outcome as a model is told it: the printed value, the stdout text, or the error; bounded."""
    if observation.status is Status.OK:
        return shown_value(input, output(input, observation))
    if observation.error:
        return cut(observation.error)
    if observation.status in LIMITS:
        return f"no result ({str(observation.status).replace('_', ' ')})"
    return f"no result ({observation.status})"


def shown_value(input: Input, value: Value) -> str:
    """A value or stdout text as a model is told it; bounded."""
    if isinstance(input, Stdin):
        return cut(str(value))
    try:
        return cut(repr(value))
    except ValueError:  # Python prints no int beyond some thousand digits
        return "a value with an integer of thousands of digits"


def cut(text: str) -> str:
    """At most 300 characters of ``text``."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " ..."


def arity_fits(input: Input, arity: int) -> bool:
    """Whether a call has as many arguments as the function has parameters."""
    return isinstance(input, Call) and len(input.args) == arity


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.10g}") if math.isfinite(value) else value
        case list() | tuple() | set() | frozenset():
            return _KINDS[type(cast("Any", value))](_rounded(item) for item in cast("list[Any]", value))
        case dict():
            pairs = cast("dict[Any, Any]", value)
            return {_rounded(k): _rounded(v) for k, v in pairs.items()}
        case _:
            return value
