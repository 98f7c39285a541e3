"""What a run tells whoever watches, and how it crosses the pipe from the run's processes: a JSON text a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from atlas.store.tape import canonical

LONGEST_TOLD = 100_000
"""Characters of a program that an event carries; nobody is told a longer one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a run.

    * ``phase``: a phase begins (``text``: starting, solving, grading, ...); ``path`` is the run's directory at
      its creation and its end
    * ``solved``: a problem of ``arm`` and ``seed`` is done; ``done`` of ``total``, ``tokens`` generated for it;
      ``text`` says why it was lost; ``code`` is the program (empty: none) where the run is graded while it solves
    * ``pace``: in the last ``seconds`` live requests of ``arm`` and ``seed`` gave ``tokens``, and the machine drew
      ``joules`` (0 where nothing measures them)
    * ``graded``: ``done`` of ``total`` programs have a verdict; that of ``program`` (its sha256) is ``text``
    * ``standing``: of the answers of ``arm`` that have a verdict, ``text`` says how many are right
    * ``warning``: ``text`` belongs into the report
    * ``error``: the process ends with ``text``; ``error`` names the kind of error
    """

    kind: Literal["phase", "solved", "pace", "graded", "standing", "warning", "error"]
    text: str = ""
    arm: str = ""
    seed: int = 0
    problem: str = ""
    path: str = ""
    done: int = 0
    total: int = 0
    tokens: int = 0
    seconds: float = 0.0
    joules: float = 0.0
    program: str = ""
    code: str | None = None
    error: str = ""


OnEvent: TypeAlias = Callable[[Event], None]
"""Called in the event loop of the run; must return at once."""

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def to_line(event: Event) -> str:
    """The event as one line."""
    return canonical(asdict(event)) + "\n"


def from_line(line: bytes) -> Event | None:
    """The event of a line, or None when the line is no event."""
    try:
        return _ADAPTER.validate_json(line)
    except ValidationError:
        return None
