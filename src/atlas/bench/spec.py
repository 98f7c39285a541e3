"""What a run is asked to do, and the files of a run's directory.

run.json                      the manifest: the spec and everything that explains the numbers
tapes/<arm>-<seed>.sqlite     every exchange and observation
submissions/<arm>-<seed>.jsonl, pools/<arm>-<seed>.jsonl      what was handed over; all candidates
seconds.jsonl, timings.jsonl, energy.jsonl      how long it took and what it drew (no part of what is compared)
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
from atlas.llm.apis.names import PROVIDERS, Provider, is_provider
from atlas.llm.types import RECOMMENDED, Sampling, Thinking
from atlas.sandbox.profile import STANDARD, Profile
from atlas.search.schedule import parse_choice, read, source_of
from atlas.search.settings import Settings
from atlas.search.strategy import Scalar, Strategy

API_SAMPLING = Sampling(1.0, 1.0)
API_MAX_TOKENS = 8192
MATCH, MATCH_TOTAL = "match", "match_total"
"""Settings of an arm, not of its strategy."""
LOCAL = "local"
_BEHIND = re.compile(r"(.+?):([^:]+(?::[^:]*=.*)?)\Z", re.DOTALL)
"""A model, whose name may hold colons, and a strategy with its settings."""
_ARM = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")
_LONGEST_NAME = 64
_PROBLEMS_PER_SLOT = 4


@dataclass(frozen=True, slots=True)
class Behind:
    """A model behind a provider's API."""

    provider: Provider
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Arm:
    """One row of the table: a strategy by name, with settings of its own.

    ``toml`` is the text of a strategy that came from a file: the run must not hang on the file. ``match`` names
    another arm whose generated tokens are this arm's budget: what it spent on the same problem and seed, or with
    ``match_total`` its mean over the seed's problems, for each of them. Without ``api`` the run's own engine answers.
    """

    name: str
    strategy: str
    settings: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    toml: str = ""
    match: str = ""
    match_total: bool = False
    api: Behind | None = None

    def load(self) -> Strategy:
        """The arm's strategy, without its budget if that is matched.

        Raises:
            UsageError: it is not usable.
        """
        text = self.toml or source_of(self.strategy)
        return read(text, self.strategy, self.settings, budgeted=bool(self.match))


@dataclass(frozen=True, slots=True)
class RunSpec:
    """A whole run.

    ``sampling`` is what the model's makers recommend; ``thinking`` bounds a thought (None: off; a strategy may have its
    own); ``deadline_s`` is a bound a problem; ``limit`` takes the first problems of the suite. ``concurrency`` problems
    are in flight at a time; 0 means as many as fill the engine's slots (``in_flight``). ``sandbox`` is the tier in
    which programs run, None for the best that works, and ``packages`` a virtual environment that they import from.
    ``holes`` are left in the wall on purpose. Arms behind an API are drawn with ``api_sampling``, by default as the
    APIs' own defaults are, and reply with at most ``api_max_tokens``; ``stop_at_code`` and ``logprobs``, as in
    ``atlas.search.settings.Settings``, are asked of the run's own engine alone.

    With ``share`` an arm takes over what an earlier one asked and ran word for word (same model, seed and place in the
    search). Tokens count in full, and differences between arms are free of the luck of asking twice; how long an arm
    takes and what it draws is then not known (``timed``), so there is no deadline that could treat arms alike.
    """

    suite: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...] = (0,)
    engine: EngineChoice = field(default_factory=EngineChoice)
    limit: int | None = None
    sampling: Sampling = RECOMMENDED
    max_tokens: int = 1024
    thinking: Thinking | None = None
    concurrency: int = 0
    workers: int | None = None
    deadline_s: float | None = None
    sandbox: str | None = None
    packages: Path | None = None
    holes: tuple[Path, ...] = ()
    stop_at_code: bool = False
    logprobs: bool = False
    api_sampling: Sampling = API_SAMPLING
    api_max_tokens: int = API_MAX_TOKENS
    share: bool = False

    @property
    def local(self) -> bool:
        """Whether the run's own engine is needed."""
        return any(arm.api is None for arm in self.arms)

    @property
    def timed(self) -> bool:
        """Whether times and energy of an arm are those of all its work."""
        return not self.share

    @property
    def thinks(self) -> bool:
        """Whether any arm asks for thoughts."""
        return self.thinking is not None or any(arm.load().thinking for arm in self.arms)

    def settings(self, arm: Arm, seed: int) -> Settings:
        """How an arm's replies are drawn."""
        if arm.api is not None:
            return Settings(seed, self.api_sampling, self.api_max_tokens, self.thinking)
        return Settings(
            seed,
            self.sampling,
            self.max_tokens,
            self.thinking,
            stop_at_code=self.stop_at_code,
            logprobs=self.logprobs,
        )

    def in_flight(self, slots: int) -> int:
        """Problems that are worked on at the same time in front of an engine with so many slots.

        A problem often waits for programs to run, or asks for one completion only, so it takes several to keep a slot
        busy; but where each has a deadline, none is to wait for the others' requests.
        """
        return self.concurrency or max(4, slots if self.deadline_s is not None else _PROBLEMS_PER_SLOT * slots)

    def profile(self) -> Profile:
        """What programs may import.

        Raises:
            UsageError: ``packages`` is no virtual environment of this Python.
        """
        return STANDARD if self.packages is None else Profile.of_environment(self.packages)


def parse_arm(text: str) -> Arm:
    """An arm from ``[local/]STRATEGY[:setting=value,...]`` or ``PROVIDER/MODEL:STRATEGY[:setting=value,...]``.

    Such as ``best-of-n:match=full``, ``local/phase1+3`` or ``anthropic/claude-sonnet:single``.

    Raises:
        UsageError: not of that form, or a strategy's file can't be read.
    """
    api, choice = _place(text)
    strategy, settings = parse_choice(choice)
    matched = [key for key in (MATCH, MATCH_TOTAL) if key in settings]
    if len(matched) > 1:
        raise UsageError(f"{text!r} matches twice; take {MATCH} or {MATCH_TOTAL}.")
    from_file = strategy.endswith(".toml")
    title = Path(strategy).stem if from_file else strategy
    model = [re.sub(r"[^A-Za-z0-9+._]+", "-", api.model)] if api else []
    name = "-".join([*model, title, *(f"{k}-{v}" if k in matched else f"{k}{v}" for k, v in settings.items())])
    match = str(settings.pop(matched[0])) if matched else ""
    return Arm(
        name,
        strategy,
        settings,
        toml=source_of(strategy) if from_file else "",
        match=match,
        match_total=MATCH_TOTAL in matched,
        api=api,
    )


def _place(text: str) -> tuple[Behind | None, str]:
    """Who answers, and the strategy with its settings. A file in a folder that is called so is ``./openai/...``."""
    place, slash, rest = text.partition("/")
    if slash and place == LOCAL:
        return None, rest
    if not slash or not is_provider(place):
        strategy, _, settings = rest.partition(":")
        if slash and settings and "=" not in settings and not strategy.endswith(".toml"):
            known = ", ".join((LOCAL, *PROVIDERS))
            raise UsageError(f"{text!r}: nobody is called {place!r} who answers requests; there are: {known}.")
        return None, text
    found = _BEHIND.match(rest)
    if found is None:
        raise UsageError(f"{text!r} names no model and strategy; write it like {place}/MODEL:single.")
    return Behind(place, found[1]), found[2]


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
    if long := [name for name in names if len(name) > _LONGEST_NAME]:
        raise UsageError(
            f"{long[0]!r} is too long for an arm's name (at most {_LONGEST_NAME} characters); put its settings into a "
            "strategy file of your own and name that."
        )
    if len(set(names)) != len(names):
        raise UsageError(f"Two arms are called {max(names, key=names.count)!r}; name each arm once.")
    for arm in spec.arms:
        _check_match(arm, spec.arms)
    if len(set(spec.seeds)) != len(spec.seeds):
        raise UsageError("A seed is named twice.")
    if spec.engine.kind == "endpoint" or spec.engine.url:
        from atlas.llm.transport import api_base  # noqa: PLC0415  (HTTP; start-up would pay for it)

        api_base(spec.engine.url)  # before the URL is written anywhere: it may hold a key
    spec.profile()
    if spec.limit is not None and spec.limit < 1:
        raise UsageError("--limit must be at least 1.")
    if spec.deadline_s is not None and spec.deadline_s <= 0:
        raise UsageError("The deadline must be longer than 0 s.")
    if spec.deadline_s is not None and not spec.timed:
        raise UsageError("What an arm takes over costs it no time: with --share there can be no deadline.")


def _check_match(arm: Arm, arms: tuple[Arm, ...]) -> None:
    reference = next((other for other in arms if other.name == arm.match), None)
    if arm.match and reference is None:
        raise UsageError(f"The arm {arm.name!r} matches {arm.match!r}, which is no arm of this run; add it.")
    if reference is not None and reference.match:
        raise UsageError(f"The arm {arm.name!r} matches {arm.match!r}, which is matched itself; match another.")


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
    def timings(self) -> Path:
        """How long requests took, one a line."""
        return self.out / "timings.jsonl"

    @property
    def energy(self) -> Path:
        """What the machine drew, a stretch of work on an arm a line."""
        return self.out / "energy.jsonl"

    @property
    def verdicts(self) -> Path:
        """The rows of a run that was made elsewhere, in place of submissions, pools and grades."""
        return self.root / "verdicts.jsonl"

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

    @property
    def recorded(self) -> Path:
        """Recorded pools with the verdicts, one an arm and seed (``docs/pools.md``)."""
        return self.root / "recorded"

    def tape(self, arm: str, seed: int) -> Path:
        """The tape of one arm and seed."""
        return self.root / "tapes" / f"{arm}-{seed}.sqlite"

    def submissions(self, arm: str, seed: int) -> Path:
        """What one arm and seed handed over, a problem a line."""
        return self.out / "submissions" / f"{arm}-{seed}.jsonl"

    def pool(self, arm: str, seed: int) -> Path:
        """All candidates of one arm and seed, a problem a line."""
        return self.out / "pools" / f"{arm}-{seed}.jsonl"
