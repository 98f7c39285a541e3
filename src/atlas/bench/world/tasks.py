"""From a pipeline to a problem: statement, signature or format, and its reference program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, cast

from atlas.bench.world import wording
from atlas.bench.world.edge import Case
from atlas.bench.world.kinds import Bounds, Kind, random_value
from atlas.bench.world.pipeline import Pipeline
from atlas.problem import Call, Example, FunctionProblem, Input, Parameter, Problem, Signature, Stdin, StdinProblem

NAMES: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.INT: ("n", "num", "value"),
    Kind.TEXT: ("s", "text", "line"),
    Kind.INTS: ("nums", "xs", "values", "numbers"),
    Kind.WORDS: ("words", "ws", "names"),
}
TANGLED: Final = 0.4
"""Share of problems whose steps are not told in the order in which they are done."""
DISTRACTED: Final = 0.3
FUNCTIONS: Final = ("solve", "compute", "process", "transform", "answer", "result", "run", "calculate")
_NOUNS: Final[Mapping[Kind, str]] = {
    Kind.INT: "an integer",
    Kind.TEXT: "a text",
    Kind.INTS: "a list of integers",
    Kind.WORDS: "a list of words",
}
_INPUTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.INT: ("The input is one integer.", "One line holds an integer."),
    Kind.TEXT: ("The input is one line of text.", "One line holds a text."),
    Kind.INTS: (
        "The input is one line of integers separated by spaces.",
        "One line holds integers separated by spaces.",
    ),
    Kind.WORDS: ("The input is one line of words separated by spaces.", "One line holds words separated by spaces."),
}
_COUNTED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.INTS: ("The first line holds n, the second line n integers.",),
    Kind.WORDS: ("The first line holds n, then follow n lines with one word each.",),
}
_OUTPUTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.INT: ("Print the result.", "Print the resulting number."),
    Kind.TEXT: ("Print the result.", "Print the resulting text."),
    Kind.INTS: (
        "Print the resulting numbers separated by spaces.",
        "Print the result on one line, separated by spaces.",
    ),
    Kind.WORDS: (
        "Print the resulting words separated by spaces.",
        "Print the result on one line, separated by spaces.",
    ),
    Kind.BOOL: ("Print Yes or No.", "Print Yes if so, else No."),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One problem of the world before its examples are drawn. ``function`` is None for a stdin task."""

    pipeline: Pipeline
    statement: str
    variable: str
    function: str | None
    counted: bool = False
    """The stdin format starts with a line that holds the count."""

    def as_input(self, value: Any) -> Input:
        """A value of the world as the task's input."""
        if self.function is not None:
            return Call((value,))
        return Stdin(self._input_text(value))

    def as_output(self, value: Any) -> Any:
        """A result of the pipeline as the task's output: itself, or the text that is printed."""
        if self.function is not None:
            return value
        if isinstance(value, bool):
            return "Yes\n" if value else "No\n"
        return f"{_spaced(value)}\n"

    def _input_text(self, value: Any) -> str:
        if not self.counted:
            return f"{_spaced(value)}\n"
        if self.pipeline.source is Kind.WORDS:
            return "".join(f"{line}\n" for line in [len(value), *value])
        return f"{len(value)}\n{_spaced(value)}\n"

    def random_input(self, rng: Random, bounds: Bounds | None = None) -> Any:
        """A random value of the source type whose whole trace stays in bounds."""
        bounds = bounds or Bounds(items=(0 if self.function else 1, 8))
        while True:
            value = random_value(self.pipeline.source, rng, bounds)
            if self.pipeline.trace(value) is not None:
                return value

    def problem(self, id: str, values: list[Any], tags: Mapping[str, str]) -> Problem:
        """The problem as a solver sees it, with an example for each of ``values``."""
        examples = tuple(Example(self.as_input(v), self.as_output(self.pipeline.output(v))) for v in values)
        if self.function is None:
            return StdinProblem(id, self.statement, examples, tags=tags)
        return FunctionProblem(id, self.statement, self.signature(), examples, tags=tags)

    def signature(self) -> Signature:
        """The function's signature.

        Raises:
            ValueError: this is a stdin task.
        """
        if self.function is None:
            raise ValueError("a stdin task has no signature")
        parameter = Parameter(self.variable, self.pipeline.source.value)
        return Signature(self.function, (parameter,), self.pipeline.target.value)


def _spaced(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    items = cast("list[int] | list[str]", value)
    return " ".join(str(v) for v in items)


@dataclass(frozen=True, slots=True)
class Telling:
    """How a task is told: its steps out of order, with matter beside the point."""

    tangled: bool = False
    distracted: bool = False

    @classmethod
    def drawn(cls, rng: Random, pipeline: Pipeline, tangled: float = TANGLED) -> Telling:
        """A random one that fits the pipeline; ``tangled`` is the chance that its steps come out of order."""
        return cls(len(pipeline.steps) > 1 and rng.random() < tangled, rng.random() < DISTRACTED)


def draw_task(
    pipeline: Pipeline,
    rng: Random,
    *,
    function: bool,
    name: str = "",
    variable: str = "",
    telling: Telling = Telling(),
) -> Task:
    """Word a pipeline as a function or stdin task; ``name`` and ``variable`` are drawn unless they are given."""
    if not function and pipeline.edge is not None and pipeline.edge.case is Case.EMPTY:
        pipeline = Pipeline(pipeline.steps)
    variable = variable or rng.choice(NAMES[pipeline.source])
    counted = not function and pipeline.source in _COUNTED and rng.random() < 0.4
    text = tell(pipeline, rng, variable=variable if function else "", telling=telling)
    if function:
        text += rng.choice((" Return the result.", " Return what you get.", " The function returns the result."))
        return Task(pipeline, text, variable, name or rng.choice(FUNCTIONS))
    formats = _COUNTED if counted else _INPUTS
    text += f"\n{rng.choice(formats[pipeline.source])} {rng.choice(_OUTPUTS[pipeline.target])}"
    return Task(pipeline, text, variable, None, counted)


def tell(pipeline: Pipeline, rng: Random, *, variable: str = "", telling: Telling = Telling()) -> str:
    """The steps and the edge-case clause as sentences, without input and output formats."""
    phrases = [s.phrase(rng) for s in pipeline.steps]
    head = f"{_NOUNS[pipeline.source]} {variable}".strip()
    text = (wording.tangled if telling.tangled else wording.plain)(head, phrases, rng)
    if pipeline.edge is not None:
        text += f" {pipeline.edge.clause(rng)}"
    return wording.distracted(text, rng) if telling.distracted else text
