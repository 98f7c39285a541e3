"""The table's numbers, computed from the records of a graded run. Pure but for reading those files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from atlas.bench import manifest as manifests
from atlas.bench import records
from atlas.bench.attempts import SELECTED, Attempt, Graded, read
from atlas.bench.consumed import NOTHING_KNOWN, Consumed, consumed
from atlas.bench.phases import PhaseRates, Solve, phase_rates
from atlas.bench.records import Spent, Submission
from atlas.bench.replay.calibration import Calibration, Claims, calibration
from atlas.bench.scores import (
    Against,
    Drawn,
    PassAt,
    Score,
    Scores,
    Seeds,
    Stratum,
    against,
    drawn,
    drawn_alike,
    gap_closed,
    means,
    pass_at,
    score,
    seeds,
    strata,
)
from atlas.bench.spec import Arm, RunFiles
from atlas.bench.speed import NO_SPEED, Speed, speed
from atlas.bench.stats import holm
from atlas.errors import UsageError

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Control:
    """The same tokens spent in another way: this arm against the arm ``arm``, whose budget was matched to it.

    ``tokens_ratio`` is what the control generated, divided by what this arm did.
    """

    arm: str
    against: Against | None
    tokens_ratio: float


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm.

    * ``selected``: selected@1, the submitted answer is right
    * ``oracle``: any candidate of the pool is right; what a perfect selection would get
    * ``random``: share of right programs among all completions; what a blind choice would get
    * ``majority``: what a vote by identical outputs would get; ``pass_at``: unbiased pass@k, where it is defined
    * ``drawn``: how many completions a problem it chose from; None where no pool is known
    * ``gap_closed``: ``(selected - random) / (oracle - random)``, None where there is no gap
    * tokens, requests and executions are sums over problems and seeds; ``seconds`` is wall time; None where they are
      not known of all, as of a run that was imported
    * of its ``attempts`` (problems times seeds) each is one of: ``solved``; ``wrong``; ``unanswered``, no usable
      candidate; ``truncated`` or ``late``, none since replies were cut off by their token limit or the deadline;
      ``limits``, the program hit a time, memory or output limit; ``infrastructure``, no verdict through no fault of
      the search, which alone is not counted in the scores
    * ``calibration``: whether the confidences of the answers mean what they say; None without verdicts
    * ``controls``: comparisons with the arms that are matched to this one; ``phases``: what its later phases changed
    """

    arm: str
    selected: Score
    oracle: Score
    random: Score
    majority: Score
    pass_at: tuple[PassAt, ...]
    drawn: Drawn | None
    gap_closed: float | None
    generated_tokens: int | None
    prompt_tokens: int | None
    cached_tokens: int | None
    requests: int | None
    executions: int | None
    seconds: float | None
    attempts: int
    solved: int
    wrong: int
    unanswered: int
    truncated: int
    late: int
    limits: int
    infrastructure: int
    seeds: Seeds
    speed: Speed
    consumed: Consumed
    calibration: Calibration | None
    against_first: Against | None
    controls: tuple[Control, ...]
    phases: tuple[PhaseRates, ...]
    strata: tuple[Stratum, ...]

    @property
    def gap(self) -> float | None:
        """The selection gap: what a perfect choice would add; None where no pool is known."""
        return self.oracle.mean - self.selected.mean if self.oracle.problems else None


@dataclass(frozen=True, slots=True)
class Summary:
    """A run's table. ``rows`` are in the order of the run's arms; ``measure`` is what their scores are."""

    run: str
    suite: str
    seeds: int
    problems: int
    rows: tuple[ArmRow, ...]
    warnings: tuple[str, ...]
    measure: str = SELECTED


def summarize(files: RunFiles, arms: Sequence[str] = ()) -> Summary:
    """Compute the table of a graded or imported run, or of some ``arms`` of it, in their order, as if no other was.

    Raises:
        UsageError: a file is absent or malformed, or the run has no such arm.
    """
    run = read(files)
    found = manifests.found(files)
    return Summary(
        run.manifest.id,
        run.manifest.suite.name,
        len(run.manifest.spec.seeds),
        run.manifest.suite.problems,
        _adjusted(_Rows(run, arms).all()),
        (*(found.warnings if found else ()), *run.manifest.remarks),
        run.measure,
    )


class _Rows:
    """A run's rows, from its attempts by arm."""

    def __init__(self, run: Graded, arms: Sequence[str]) -> None:
        self._run, every = run, run.by_arm()
        if strangers := [arm for arm in arms if arm not in every]:
            raise UsageError(f"The run {run.manifest.id} has no arm {strangers[0]!r}.")
        self._by_arm = {arm: every[arm] for arm in arms or every}
        self._timed = run.manifest.spec.timed
        self._selected = {arm: means(attempts, "selected") for arm, attempts in self._by_arm.items()}
        matched = {arm.name for arm in run.manifest.spec.arms if arm.match and arm.name in self._by_arm}
        described = run.manifest.strategies
        self._alike = {arm for arm in described if arm not in matched and drawn_alike(described[arm])}
        self._compared = len(self._by_arm) - 1, len(matched)
        self._seconds = records.seconds(run.files.seconds)
        self._timings = records.timings(run.files.timings)
        self._energy = records.energy(run.files.energy)

    def all(self) -> list[ArmRow]:
        """One an arm, in the run's order."""
        return [self._row(arm, attempts) for arm, attempts in self._by_arm.items()]

    def _row(self, arm: str, attempts: Sequence[Attempt]) -> ArmRow:
        ended = Counter(a.outcome for a in attempts)
        usage = {what: _total([getattr(a.usage, what) for a in attempts]) for what in Spent.model_fields}
        selected, oracle, random = (score(means(attempts, what)) for what in ("selected", "oracle", "random"))
        first = next(iter(self._selected))
        before: Scores = self._selected[first] if arm != first else {}
        controls = tuple(self._control(arm, control.name) for control in self._controls(arm))
        control: Scores = self._selected[controls[0].arm] if controls else {}
        seconds = self._took(arm, attempts)
        timings = [t for t in self._timings if t.arm == arm]
        return ArmRow(
            arm=arm,
            selected=selected,
            oracle=oracle,
            random=random,
            majority=score(means(attempts, "majority")),
            pass_at=pass_at(attempts) if arm in self._alike else (),
            drawn=drawn(attempts),
            gap_closed=gap_closed(selected, oracle, random),
            generated_tokens=usage["generated_tokens"],
            prompt_tokens=usage["prompt_tokens"],
            cached_tokens=usage["cached_tokens"],
            requests=usage["requests"],
            executions=usage["executions"],
            seconds=seconds,
            attempts=len(attempts),
            solved=ended["right"],
            wrong=ended["wrong"],
            unanswered=ended["no program"],
            truncated=ended["truncated"],
            late=ended["deadline"],
            limits=ended["over a limit"],
            infrastructure=ended["infrastructure"],
            seeds=seeds(attempts),
            speed=speed(timings, attempts, usage["generated_tokens"], seconds) if self._timed else NO_SPEED,
            consumed=consumed([e for e in self._energy if e.arm == arm]) if self._timed else NOTHING_KNOWN,
            calibration=_calibration(attempts),
            against_first=against(before, self._selected[arm], max(1, self._compared[0])),
            controls=controls,
            phases=self._phases(arm),
            strata=strata(self._selected[arm], before, control, self._run.tags),
        )

    def _took(self, arm: str, attempts: Sequence[Attempt]) -> float | None:
        """Wall time of the whole arm; the sum over its problems where they were worked on one after the other.

        None where it took over part of its work from another arm.
        """
        if not self._timed:
            return None
        if self._run.manifest.imported:
            return _total([a.seconds for a in attempts])
        return sum(s.seconds for s in self._seconds if s.arm == arm and not s.problem)

    def _controls(self, arm: str) -> list[Arm]:
        return [control for control in self._run.controls(arm) if control.name in self._by_arm]

    def _control(self, arm: str, control: str) -> Control:
        ratio = self._tokens(control) / max(self._tokens(arm), 1)
        return Control(control, against(self._selected[control], self._selected[arm], self._compared[1]), ratio)

    def _tokens(self, arm: str) -> int:
        return sum(a.usage.generated_tokens or 0 for a in self._by_arm[arm])

    def _phases(self, arm: str) -> tuple[PhaseRates, ...]:
        """Of the phases behind the first that the arm's strategy has."""
        run = self._run
        rounds: Sequence[Mapping[str, int]] = run.manifest.strategies.get(arm, {}).get("rounds", ())
        later = {int(row["phase"]) for row in rounds} - {int(rounds[0]["phase"])} if rounds else set[int]()
        controls = self._controls(arm)
        control: Mapping[tuple[str, int], Submission] = run.answers[controls[0].name] if controls else {}
        solves = [
            Solve(answer, run.pools[arm][place], control.get(place))
            for place, answer in run.answers.get(arm, {}).items()
            if place in run.pools[arm]
        ]
        return phase_rates(solves, later, run.passes)


def _total(values: Sequence[Number | None]) -> Number | None:
    """None where one is not known: a sum of the others would look like a saving."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None


def _calibration(attempts: Sequence[Attempt]) -> Calibration | None:
    """Of all answers that have a verdict; one without a program is wrong."""
    known = [(a.confidence, a.selected, a.problem) for a in attempts if a.selected is not None]
    claimed = [(confidence, right, problem) for confidence, right, problem in known if confidence is not None]
    if not claimed:
        return None
    confidence, right, problems = zip(*claimed, strict=True)
    return calibration(Claims(np.array(confidence), np.array(right), np.ones(len(claimed)), np.array(problems)))


def _adjusted(rows: Sequence[ArmRow]) -> tuple[ArmRow, ...]:
    """Holm's adjustment over the arms that are compared with the first, and over the controls."""
    firsts = iter(holm([row.against_first.p for row in rows if row.against_first is not None]))
    controls = iter(holm([c.against.p for row in rows for c in row.controls if c.against is not None]))

    def adjust(found: Against | None, p_values: Iterator[float]) -> Against | None:
        return None if found is None else replace(found, p_holm=next(p_values))

    return tuple(
        replace(
            row,
            against_first=adjust(row.against_first, firsts),
            controls=tuple(replace(c, against=adjust(c.against, controls)) for c in row.controls),
        )
        for row in rows
    )
