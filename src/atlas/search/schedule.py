"""The file format of strategies: TOML in, a :class:`Strategy` out, or one sentence that names the place at fault.

    name = "mine"
    description = "What it does, in a sentence."
    settled = 0.75                       # stop when the best candidate's probability reaches this
    max_generated_tokens = "$tokens"     # 0: no bound

    [parameters]                         # what `--strategy mine.toml:n=4` may override
    n = 8
    tokens = 0
    rounds = { default = 2, least = 1 }  # refuses less

    [budgeted]                           # other defaults where a token budget is given
    n = 2

    [[rounds]]
    when = "unsettled"                   # or "failing", "undecided"; "always" is the default
    repeat = "$rounds"                   # a number, or "budget": while a token budget is given and not spent
    phase = 1                            # 1, 2 or 3; for the report

    [[rounds.steps]]                     # the steps of a round run at the same time, each another move
    move = "draft"
    n = "$n"                             # every other key is a parameter of the move

A file may come from anybody, so all of it is checked, the moves' own parameters included.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from atlas.errors import UsageError
from atlas.search.registry import check_step
from atlas.search.strategy import NAMES, Round, Scalar, Step, Strategy, When, shipped

_MOST_BYTES = 100_000
_CHOICE = re.compile(r"(.+?\.toml|[^:]*)(?::(.*))?\Z", re.DOTALL)
_SETTING = re.compile(r"([a-z_]+)=(\S+)\Z")
_FLOAT = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)
_Value: TypeAlias = StrictBool | StrictInt | StrictFloat | StrictStr
_Number: TypeAlias = StrictInt | StrictFloat | StrictStr


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Parameter(_Row):
    default: _Value
    least: int = 0


class _Step(BaseModel):
    """``move`` and whatever the move takes."""

    model_config = ConfigDict(extra="allow", frozen=True)

    move: str


class _Round(_Row):
    steps: Annotated[tuple[_Step, ...], Field(min_length=1)]
    when: When = "always"
    repeat: StrictInt | StrictStr = 1
    phase: Literal[1, 2, 3] = 1


class _File(_Row):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._-]{0,47}$")]
    description: str = ""
    settled: _Number = 0.75
    max_generated_tokens: _Number = 0
    confirm: _Value = True
    thinking: _Number = 0
    extend: _Number = 0
    parameters: dict[str, _Value | _Parameter] = {}
    budgeted: dict[str, _Value] = {}
    rounds: Annotated[tuple[_Round, ...], Field(min_length=1)]


def source_of(name: str) -> str:
    """The TOML text of a shipped strategy, or of the file ``name`` (a path that ends in .toml).

    Raises:
        UsageError: there is none, or the file can't be read.
    """
    text = shipped(name)
    if text is not None:
        return text
    if not name.endswith(".toml"):
        choices = ", ".join(NAMES)
        raise UsageError(f"There is no strategy {name!r}; choose one of {choices}, or name a file that ends in .toml.")
    try:
        content = Path(name).read_bytes()
        if len(content) > _MOST_BYTES:
            raise UsageError(f"{name} has more than {_MOST_BYTES} bytes; is it a strategy?")
        return content.decode("utf-8")
    except OSError as error:
        raise UsageError(f"The strategy {name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The strategy {name} is no UTF-8 text.") from None


def parse_choice(text: str) -> tuple[str, dict[str, Scalar]]:
    """A strategy's name or file and its settings from ``NAME[:key=value,...]``, such as ``best-of-n:n=4``.

    Raises:
        UsageError: not of that form.
    """
    match = _CHOICE.match(text)
    name, rest = (match[1], match[2] or "") if match else (text, "")
    settings: dict[str, Scalar] = {}
    for part in filter(None, rest.split(",")):
        setting = _SETTING.match(part)
        if setting is None or setting[1] in settings:
            raise UsageError(f"{part!r} in {text!r} is no setting; write it like best-of-n:n=4.")
        settings[setting[1]] = _scalar(setting[2])
    return name, settings


def _scalar(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    if text.isascii() and text.isdecimal():
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def load(name: str, /, **settings: Scalar) -> Strategy:
    """The strategy of that name or file, with parameters overridden; see :func:`read`.

    Raises:
        UsageError: there is no such strategy, or it is not usable.
    """
    return read(source_of(name), name, settings)


def read(text: str, place: str, settings: Mapping[str, Scalar], *, budgeted: bool = False) -> Strategy:
    """The strategy that ``text`` describes; ``place`` names it in errors.

    ``budgeted``: a token budget will be set for each problem, so the defaults of ``[budgeted]`` apply; they also do
    where the settings themselves make ``max_generated_tokens`` a bound.

    Raises:
        UsageError: not of the format, an unknown move or parameter, or a value that makes no sense.
    """
    file = _parsed(text, place)
    values = _values(file, place, settings, file.budgeted if budgeted else {})
    if not budgeted and _count(_resolved(file.max_generated_tokens, values, place), place, "max_generated_tokens"):
        values = _values(file, place, settings, file.budgeted)

    def at(name: str, value: Any) -> Any:
        return _resolved(value, values, f"{place}, {name}")

    tokens = _count(at("max_generated_tokens", file.max_generated_tokens), place, "max_generated_tokens")
    strategy = Strategy(
        name=file.name,
        rounds=tuple(_round(round, f"{place}, round {i + 1}", values) for i, round in enumerate(file.rounds)),
        settled=_share(at("settled", file.settled), place),
        max_generated_tokens=tokens or None,
        confirm=_flag(at("confirm", file.confirm), place),
        thinking=_count(at("thinking", file.thinking), place, "thinking"),
        extend=_count(at("extend", file.extend), place, "extend"),
        description=" ".join(file.description.split()),
    )
    _refuse_unused(file, place)
    return strategy


def parameters(text: str, place: str) -> dict[str, Scalar]:
    """The parameters of a strategy and their defaults.

    Raises:
        UsageError: not of the format.
    """
    return {name: p.default if isinstance(p, _Parameter) else p for name, p in _parsed(text, place).parameters.items()}


def _parsed(text: str, place: str) -> _File:
    try:
        return _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The strategy {place} is no TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        what = "is no key of the format" if first["type"] == "extra_forbidden" else first["msg"].lower()
        raise UsageError(f"The strategy {place} is not usable: {where}: {what}.") from None


def _values(
    file: _File, place: str, settings: Mapping[str, Scalar], defaults: Mapping[str, Scalar]
) -> dict[str, Scalar]:
    """Every parameter's value: what was set, else the default."""
    known = {name: p if isinstance(p, _Parameter) else _Parameter(default=p) for name, p in file.parameters.items()}
    values: dict[str, Scalar] = {name: p.default for name, p in known.items()}
    for name, value in (*defaults.items(), *settings.items()):
        if name not in known:
            choices = f"has {', '.join(known)}" if known else "has none"
            raise UsageError(f"The strategy {place!r} has no parameter {name!r}; it {choices}.")
        default = known[name].default
        if type(value) is not type(default) and not (isinstance(default, float) and type(value) is int):
            kind = type(default).__name__
            raise UsageError(f"{name}={value} makes no sense for {place!r}; it is of the kind {kind}, like {default}.")
        if isinstance(value, int | float) and value < known[name].least:
            raise UsageError(f"{name}={value} makes no sense for {place!r}; give at least {known[name].least}.")
        values[name] = value
    return values


def _resolved(value: Any, values: Mapping[str, Scalar], place: str) -> Any:
    """``value`` itself, or the parameter that ``"$name"`` refers to."""
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if value[1:] not in values:
        raise UsageError(f"The strategy {place}: {value} refers to no entry of [parameters].")
    return values[value[1:]]


def _round(row: _Round, place: str, values: Mapping[str, Scalar]) -> Round:
    steps: list[Step] = []
    for i, step in enumerate(row.steps):
        where = f"{place}, step {i + 1}"
        params = {name: _resolved(value, values, where) for name, value in (step.model_extra or {}).items()}
        check_step(step.move, params, f"The strategy {where}")
        if any(other.move == step.move for other in steps):
            # What the tape records is named by round and move: the two would be taken for one.
            raise UsageError(f"The strategy {where}: the round has a step {step.move!r} already; use another round.")
        steps.append(Step(step.move, params))
    repeat = None if row.repeat == "budget" else _count(_resolved(row.repeat, values, place), place, "repeat")
    return Round(tuple(steps), row.when, repeat, row.phase)


def _count(value: Any, place: str, key: str) -> int:
    if type(value) is not int or value < 0:
        raise UsageError(f"The strategy {place}: {key} is {value!r}; it must be a whole number, 0 or more.")
    return value


def _share(value: Any, place: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise UsageError(f"The strategy {place}: settled is {value!r}; it must be a probability from 0 to 1.")
    return float(value)


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"The strategy {place}: confirm is {value!r}; it must be true or false.")
    return value


def _refuse_unused(file: _File, place: str) -> None:
    """A parameter that nothing refers to is a mistake: setting it would change nothing."""
    if strangers := sorted(file.budgeted.keys() - file.parameters.keys()):
        raise UsageError(f"The strategy {place}: budgeted.{strangers[0]} is no entry of [parameters].")
    plain = file.model_dump(exclude={"parameters", "budgeted"})
    used: set[str] = set()
    _walk(plain, lambda text: used.add(text[1:]) if text.startswith("$") else None)
    if unused := sorted(file.parameters.keys() - used):
        raise UsageError(f'The strategy {place}: nothing refers to the parameter {unused[0]!r} (as "${unused[0]}").')


def _walk(value: Any, visit: Callable[[str], object]) -> None:
    if isinstance(value, str):
        visit(value)
    elif isinstance(value, Mapping):
        for inner in value.values():  # pyright: ignore[reportUnknownVariableType]
            _walk(inner, visit)
    elif isinstance(value, list | tuple):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            _walk(inner, visit)
