"""What a run is asked to do, and the files of a run's directory.

run.json                      the manifest: the spec and everything that explains the numbers
tapes/<arm>-<seed>.sqlite     every exchange and observation
submissions/<arm>-<seed>.jsonl, pools/<arm>-<seed>.jsonl      what was handed over; all candidates
seconds.jsonl                 how long it took (not part of what is compared byte for byte)
seal.json                     sha256 of the above, written before the grader may open the keys
grades.jsonl, summary.json    verdicts and the table's numbers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from atlas.engine.choice import EngineChoice
from atlas.errors import UsageError
from atlas.llm.types import RECOMMENDED, Sampling

_ARM = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,63}\Z")
_SETTING = re.compile(r"([a-z_]+)=(\S+)\Z")


@dataclass(frozen=True, slots=True)
class Arm:
    """One row of the table: a strategy by name, with settings of its own."""

    name: str
    strategy: str
    settings: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class RunSpec:
    """A whole run.

    ``sampling`` is what the model's makers recommend; ``deadline_s`` is a bound a problem; ``limit`` takes the first
    problems of the suite. ``concurrency`` problems are in flight at a time; 0 means as many as fill the engine's
    slots. ``plugins`` are modules imported behind the wall (moves and strategies of others); ``holes`` are left in
    the wall on purpose.
    """

    suite: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...] = (0,)
    engine: EngineChoice = field(default_factory=EngineChoice)
    limit: int | None = None
    sampling: Sampling = RECOMMENDED
    max_tokens: int = 1024
    concurrency: int = 0
    workers: int | None = None
    deadline_s: float | None = None
    plugins: tuple[str, ...] = ()
    holes: tuple[Path, ...] = ()


def parse_arm(text: str) -> Arm:
    """An arm from ``STRATEGY[:setting=number,...]``, such as ``best-of-n:n=4``.

    Raises:
        UsageError: not of that form.
    """
    strategy, _, rest = text.partition(":")
    settings: dict[str, int] = {}
    for part in filter(None, rest.split(",")):
        match = _SETTING.match(part)
        if match is None or not match[2].isdecimal():
            raise UsageError(f"{part!r} in the arm {text!r} is no setting; write it like best-of-n:n=4.")
        settings[match[1]] = int(match[2])
    name = "-".join([strategy, *(f"{key}{value}" for key, value in settings.items())])
    return Arm(name, strategy, settings)


def check(spec: RunSpec) -> None:
    """Refuse what cannot be run.

    Raises:
        UsageError: no arm, two of one name, a name that is no file name, no seed, a URL that is none or holds a
            password or query, or a bound below one.
    """
    if not spec.arms or not spec.seeds:
        raise UsageError("A run needs at least one arm and one seed.")
    names = [arm.name for arm in spec.arms]
    if bad := [name for name in names if not _ARM.match(name)]:
        raise UsageError(f"{bad[0]!r} can't name an arm; use letters, digits, '.', '+', '_' and '-'.")
    if len(set(names)) != len(names):
        raise UsageError(f"Two arms are called {max(names, key=names.count)!r}; name each arm once.")
    if len(set(spec.seeds)) != len(spec.seeds):
        raise UsageError("A seed is named twice.")
    if spec.engine.kind == "endpoint" or spec.engine.url:
        from atlas.llm.transport import api_base  # noqa: PLC0415  (HTTP; start-up would pay for it)

        api_base(spec.engine.url)  # before the URL is written anywhere: it may hold a key
    if spec.limit is not None and spec.limit < 1:
        raise UsageError("--limit must be at least 1.")
    if spec.deadline_s is not None and spec.deadline_s <= 0:
        raise UsageError("The deadline must be longer than 0 s.")


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The paths inside a run's directory. ``out`` differs from ``root`` in a replay, which writes elsewhere."""

    root: Path
    out: Path

    @classmethod
    def at(cls, root: Path) -> RunFiles:
        """The files of the run in ``root``."""
        return cls(root, root)

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.root / "run.json"

    @property
    def seal(self) -> Path:
        """Digests of what was handed over."""
        return self.out / "seal.json"

    @property
    def seconds(self) -> Path:
        """How long problems and arms took."""
        return self.out / "seconds.jsonl"

    @property
    def found(self) -> Path:
        """What the solving process found on this machine: engine, sandbox, wall, warnings."""
        return self.out / "solving.json"

    @property
    def log(self) -> Path:
        """Standard error of the run's processes."""
        return self.out / "log.txt"

    @property
    def divergences(self) -> Path:
        """Where a replay left its tape, a problem a line; written by replays alone."""
        return self.out / "divergences.jsonl"

    @property
    def grades(self) -> Path:
        """One verdict a line."""
        return self.root / "grades.jsonl"

    @property
    def summary(self) -> Path:
        """The table's numbers."""
        return self.root / "summary.json"

    def tape(self, arm: str, seed: int) -> Path:
        """The tape of one arm and seed."""
        return self.root / "tapes" / f"{arm}-{seed}.sqlite"

    def submissions(self, arm: str, seed: int) -> Path:
        """What one arm and seed handed over, a problem a line."""
        return self.out / "submissions" / f"{arm}-{seed}.jsonl"

    def pool(self, arm: str, seed: int) -> Path:
        """All candidates of one arm and seed, a problem a line."""
        return self.out / "pools" / f"{arm}-{seed}.jsonl"
