"""The table's numbers, computed from the records of a graded run. Pure but for reading those files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from atlas.bench import manifest as manifests
from atlas.bench import records
from atlas.bench.home import find_suite
from atlas.bench.manifest import Manifest
from atlas.bench.phases import PhaseRates, Solve, phase_rates
from atlas.bench.records import Grade, PoolRecord, Submission, code_sha256
from atlas.bench.replay.calibration import Calibration, Claims, calibration
from atlas.bench.scores import Against, Score, Scores, Stratum, against, gap_closed, score, strata
from atlas.bench.spec import Arm, RunFiles
from atlas.bench.stats import holm
from atlas.bench.suites import store


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
    * ``gap_closed``: ``(selected - random) / (oracle - random)``, None where there is no gap
    * tokens, requests and executions are sums over problems and seeds; ``seconds`` is wall time
    * ``unanswered``: no usable candidate (counts as wrong); ``limits``: submissions that hit a time, memory or
      output limit (count as wrong); ``infrastructure``: no verdict through no fault of the search (not
      counted)
    * ``calibration``: whether the confidences of the answers mean what they say; None without verdicts
    * ``controls``: comparisons with the arms that are matched to this one; ``phases``: what its later phases changed
    """

    arm: str
    selected: Score
    oracle: Score
    random: Score
    gap_closed: float | None
    generated_tokens: int
    prompt_tokens: int
    cached_tokens: int
    requests: int
    executions: int
    seconds: float
    unanswered: int
    limits: int
    infrastructure: int
    calibration: Calibration | None
    against_first: Against | None
    controls: tuple[Control, ...]
    phases: tuple[PhaseRates, ...]
    strata: tuple[Stratum, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A run's table. ``rows`` are in the order of the run's arms."""

    run: str
    suite: str
    seeds: int
    problems: int
    rows: tuple[ArmRow, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One problem, arm and seed; None where there is no verdict."""

    selected: float | None
    oracle: float | None
    random: float | None


@dataclass(frozen=True, slots=True)
class _Run:
    """A graded run as its files have it. ``answers`` and ``pools`` by arm, then by problem and seed."""

    files: RunFiles
    manifest: Manifest
    grades: Mapping[tuple[str, str], Grade]
    tags: Mapping[str, Mapping[str, str]]
    answers: Mapping[str, Mapping[tuple[str, int], Submission]]
    pools: Mapping[str, Mapping[tuple[str, int], PoolRecord]]

    def passes(self, problem: str, code: str) -> float | None:
        """1 right, 0 wrong, None without a verdict."""
        grade = self.grades.get((problem, code_sha256(code)))
        return None if grade is None or grade.outcome == "lost" else float(grade.outcome == "pass")

    def outcomes(self, arm: str) -> dict[str, list[_Outcome]]:
        """By problem, a seed an entry."""
        found: dict[str, list[_Outcome]] = {}
        for (problem, seed), answer in self.answers[arm].items():
            found.setdefault(problem, []).append(_outcome(self, answer, self.pools[arm].get((problem, seed))))
        return found

    def controls(self, arm: str) -> list[Arm]:
        """The arms that are matched to this one, problem by problem first."""
        return sorted((a for a in self.manifest.spec.arms if a.match == arm), key=lambda a: a.match_total)

    def tokens(self, arm: str) -> int:
        """Generated tokens over all problems and seeds."""
        return sum(answer.usage.generated_tokens for answer in self.answers[arm].values())


def summarize(files: RunFiles) -> Summary:
    """Compute the table of a graded run.

    Raises:
        UsageError: a file is absent or malformed.
    """
    run = _read(files)
    outcomes = {arm.name: run.outcomes(arm.name) for arm in run.manifest.spec.arms}
    selected = {arm: _means(several, lambda o: o.selected) for arm, several in outcomes.items()}
    found = manifests.found(files)
    return Summary(
        run.manifest.id,
        run.manifest.suite.name,
        len(run.manifest.spec.seeds),
        run.manifest.suite.problems,
        _adjusted([_row(run, arm.name, outcomes[arm.name], selected) for arm in run.manifest.spec.arms]),
        found.warnings if found else (),
    )


def _read(files: RunFiles) -> _Run:
    manifest = manifests.read(files)
    suite = store.load(find_suite(manifest.suite.name).problems)
    places = [(arm.name, seed) for arm in manifest.spec.arms for seed in manifest.spec.seeds]
    answers: dict[str, dict[tuple[str, int], Submission]] = {arm: {} for arm, _ in places}
    pools: dict[str, dict[tuple[str, int], PoolRecord]] = {arm: {} for arm, _ in places}
    for arm, seed in places:
        answers[arm] |= {(p, seed): row for p, row in records.submissions(files.submissions(arm, seed)).items()}
        pools[arm] |= {(p, seed): row for p, row in records.pools(files.pool(arm, seed)).items()}
    grades, tags = records.grades(files.grades), {p.id: p.tags for p in suite.problems}
    return _Run(files, manifest, grades, tags, answers, pools)


def _row(run: _Run, arm: str, outcomes: Mapping[str, Sequence[_Outcome]], selected: Mapping[str, Scores]) -> ArmRow:
    answers = run.answers[arm].values()
    usage = Counter[str]()
    for answer in answers:
        usage.update(answer.usage.model_dump())
    mine, oracle = score(selected[arm]), score(_means(outcomes, lambda o: o.oracle))
    random = score(_means(outcomes, lambda o: o.random))
    first = next(iter(selected))
    before: Scores = selected[first] if arm != first else {}
    controls = tuple(_control(run, arm, control.name, selected) for control in run.controls(arm))
    control: Scores = selected[controls[0].arm] if controls else {}
    return ArmRow(
        arm=arm,
        selected=mine,
        oracle=oracle,
        random=random,
        gap_closed=gap_closed(mine, oracle, random),
        generated_tokens=usage["generated_tokens"],
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=usage["cached_tokens"],
        requests=usage["requests"],
        executions=usage["executions"],
        seconds=sum(s.seconds for s in records.seconds(run.files.seconds) if s.arm == arm and not s.problem),
        unanswered=sum(a.code is None and not a.lost for a in answers),
        limits=sum(_hit_a_limit(run, a) for a in answers),
        infrastructure=sum(o.selected is None for several in outcomes.values() for o in several),
        calibration=_calibration(run, arm),
        against_first=against(before, selected[arm]),
        controls=controls,
        phases=_phases(run, arm),
        strata=strata(selected[arm], before, control, run.tags),
    )


def _calibration(run: _Run, arm: str) -> Calibration | None:
    """Of all answers that have a verdict; one without a program is wrong."""
    rows = [
        (answer.confidence, 0.0 if answer.code is None else run.passes(problem, answer.code), problem)
        for (problem, _), answer in run.answers[arm].items()
        if not answer.lost
    ]
    known = [(confidence, right, problem) for confidence, right, problem in rows if right is not None]
    if not known:
        return None
    confidence, right, problems = zip(*known, strict=True)
    return calibration(Claims(np.array(confidence), np.array(right), np.ones(len(known)), np.array(problems)))


def _control(run: _Run, arm: str, control: str, selected: Mapping[str, Scores]) -> Control:
    ratio = run.tokens(control) / max(run.tokens(arm), 1)
    return Control(control, against(selected[control], selected[arm]), ratio)


def _phases(run: _Run, arm: str) -> tuple[PhaseRates, ...]:
    """Of the phases behind the first that the arm's strategy has."""
    rounds: Sequence[Mapping[str, int]] = run.manifest.strategies.get(arm, {}).get("rounds", ())
    later = {int(row["phase"]) for row in rounds} - {int(rounds[0]["phase"])} if rounds else set[int]()
    controls = run.controls(arm)
    control: Mapping[tuple[str, int], Submission] = run.answers[controls[0].name] if controls else {}
    solves = [
        Solve(answer, run.pools[arm][place], control.get(place))
        for place, answer in run.answers[arm].items()
        if place in run.pools[arm]
    ]
    return phase_rates(solves, later, run.passes)


def _hit_a_limit(run: _Run, answer: Submission) -> bool:
    grade = None if answer.code is None else run.grades.get((answer.problem, code_sha256(answer.code)))
    return grade is not None and grade.outcome == "limit"


def _outcome(run: _Run, answer: Submission, pool: PoolRecord | None) -> _Outcome:
    if answer.lost:
        return _Outcome(None, None, None)
    selected = 0.0 if answer.code is None else run.passes(answer.problem, answer.code)
    if pool is None:
        return _Outcome(selected, selected, selected)
    verdicts = [(run.passes(answer.problem, c.code), c.count) for c in pool.candidates]
    known = [(passed, count) for passed, count in verdicts if passed is not None]
    drawn = sum(count for _, count in known) + pool.unusable
    # The pool holds the submission, so an oracle below it could only come from a lost verdict.
    oracle = max([passed for passed, _ in known] + [selected or 0.0])
    chance = sum(passed * count for passed, count in known) / drawn if drawn else 0.0
    return _Outcome(selected, None if selected is None else oracle, None if selected is None else chance)


def _means(outcomes: Mapping[str, Sequence[_Outcome]], value: Callable[[_Outcome], float | None]) -> dict[str, float]:
    found: dict[str, float] = {}
    for problem, several in outcomes.items():
        known = [v for o in several if (v := value(o)) is not None]
        if known:
            found[problem] = sum(known) / len(known)
    return found


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
