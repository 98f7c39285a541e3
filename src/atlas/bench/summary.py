"""The table's numbers, computed from the records of a graded run. Pure but for reading those files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from atlas.bench import manifest as manifests
from atlas.bench import records
from atlas.bench.home import find_suite
from atlas.bench.manifest import Manifest
from atlas.bench.records import Grade, PoolRecord, Submission, code_sha256
from atlas.bench.spec import RunFiles
from atlas.bench.stats import Interval, holm, mcnemar, paired_bootstrap, wilson
from atlas.bench.suites import store

Grades = Mapping[tuple[str, str], Grade]


@dataclass(frozen=True, slots=True)
class Score:
    """Mean over ``problems`` (each a mean over its seeds) with its 95% Wilson interval."""

    mean: float
    interval: Interval
    problems: int


@dataclass(frozen=True, slots=True)
class Against:
    """This arm minus the first, over the ``problems`` that both have.

    ``gained`` and ``lost`` count problems solved in most seeds by one arm alone; ``p`` is McNemar's,
    ``p_holm`` the same adjusted for the number of arms.
    """

    difference: float
    interval: Interval
    problems: int
    gained: int
    lost: int
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Stratum:
    """One arm on the problems that share a tag."""

    tag: str
    value: str
    selected: Score
    against_first: Against | None


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm.

    * ``selected``: selected@1, the submitted answer is right
    * ``oracle``: any candidate of the pool is right; what a perfect selection would get
    * ``random``: share of right programs among all completions; what a blind choice would get
    * tokens, requests and executions are sums over problems and seeds; ``seconds`` is wall time
    * ``unanswered``: no usable candidate (counts as wrong); ``limits``: submissions that hit a time, memory or
      output limit (count as wrong); ``infrastructure``: no verdict through no fault of the search (not
      counted)
    """

    arm: str
    selected: Score
    oracle: Score
    random: Score
    generated_tokens: int
    prompt_tokens: int
    cached_tokens: int
    requests: int
    executions: int
    seconds: float
    unanswered: int
    limits: int
    infrastructure: int
    against_first: Against | None
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
class _Graded:
    """What every row is computed from; ``tags`` by problem."""

    files: RunFiles
    manifest: Manifest
    grades: Grades
    tags: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One problem, arm and seed; None where there is no verdict."""

    selected: float | None
    oracle: float | None
    random: float | None


Scores = Mapping[str, float]
"""Problem -> mean over the seeds that have a verdict."""


def summarize(files: RunFiles) -> Summary:
    """Compute the table of a graded run.

    Raises:
        UsageError: a file is absent or malformed.
    """
    manifest = manifests.read(files)
    suite = store.load(find_suite(manifest.suite.name).problems)
    graded = _Graded(files, manifest, records.grades(files.grades), {p.id: p.tags for p in suite.problems})
    found = manifests.found(files)
    rows: list[ArmRow] = []
    first: Scores = {}
    for index, arm in enumerate(manifest.spec.arms):
        row, scores = _row(graded, arm.name, first)
        first = scores if index == 0 else first
        rows.append(row)
    return Summary(
        manifest.id,
        manifest.suite.name,
        len(manifest.spec.seeds),
        manifest.suite.problems,
        _adjusted(rows),
        found.warnings if found else (),
    )


def _row(run: _Graded, arm: str, first: Scores) -> tuple[ArmRow, Scores]:
    files, grades = run.files, run.grades
    outcomes: dict[str, list[_Outcome]] = {}
    answers: list[Submission] = []
    limits = 0
    for seed in run.manifest.spec.seeds:
        pools = records.pools(files.pool(arm, seed))
        for problem, answer in records.submissions(files.submissions(arm, seed)).items():
            answers.append(answer)
            grade = grades.get((problem, code_sha256(answer.code))) if answer.code is not None else None
            limits += grade is not None and grade.outcome == "limit"
            outcomes.setdefault(problem, []).append(_outcome(answer, pools.get(problem), grades))
    selected = _means(outcomes, lambda o: o.selected)
    usage = Counter[str]()
    for answer in answers:
        usage.update(answer.usage.model_dump())
    row = ArmRow(
        arm=arm,
        selected=_score(selected),
        oracle=_score(_means(outcomes, lambda o: o.oracle)),
        random=_score(_means(outcomes, lambda o: o.random)),
        generated_tokens=usage["generated_tokens"],
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=usage["cached_tokens"],
        requests=usage["requests"],
        executions=usage["executions"],
        seconds=sum(s.seconds for s in records.seconds(files.seconds) if s.arm == arm and not s.problem),
        unanswered=sum(a.code is None and not a.lost for a in answers),
        limits=limits,
        infrastructure=sum(o.selected is None for several in outcomes.values() for o in several),
        against_first=_against(first, selected) if first else None,
        strata=_strata(selected, first, run.tags),
    )
    return row, selected


def _outcome(answer: Submission, pool: PoolRecord | None, grades: Grades) -> _Outcome:
    if answer.lost:
        return _Outcome(None, None, None)
    selected = 0.0 if answer.code is None else _passes(grades, answer.problem, answer.code)
    if pool is None:
        return _Outcome(selected, selected, selected)
    verdicts = [(_passes(grades, answer.problem, c.code), c.count) for c in pool.candidates]
    known = [(passed, count) for passed, count in verdicts if passed is not None]
    drawn = sum(count for _, count in known) + pool.unusable
    # The pool holds the submission, so an oracle below it could only come from a lost verdict.
    oracle = max([passed for passed, _ in known] + [selected or 0.0])
    chance = sum(passed * count for passed, count in known) / drawn if drawn else 0.0
    return _Outcome(selected, None if selected is None else oracle, None if selected is None else chance)


def _passes(grades: Grades, problem: str, code: str) -> float | None:
    grade = grades.get((problem, code_sha256(code)))
    return None if grade is None or grade.outcome == "lost" else float(grade.outcome == "pass")


def _means(outcomes: Mapping[str, Sequence[_Outcome]], value: Callable[[_Outcome], float | None]) -> dict[str, float]:
    found: dict[str, float] = {}
    for problem, several in outcomes.items():
        known = [v for o in several if (v := value(o)) is not None]
        if known:
            found[problem] = sum(known) / len(known)
    return found


def _score(scores: Scores) -> Score:
    n = len(scores)
    if n == 0:
        return Score(0.0, Interval(0.0, 1.0), 0)
    total = min(float(n), sum(scores.values()))
    return Score(total / n, wilson(total, n), n)


def _against(first: Scores, second: Scores) -> Against | None:
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    a, b = [first[p] for p in shared], [second[p] for p in shared]
    paired = paired_bootstrap(a, b)
    gained = sum(x <= 0.5 < y for x, y in zip(a, b, strict=True))
    lost = sum(y <= 0.5 < x for x, y in zip(a, b, strict=True))
    p = mcnemar(gained, lost)
    return Against(paired.difference, paired.interval, len(shared), gained, lost, p, p)


def _strata(scores: Scores, first: Scores, tags: Mapping[str, Mapping[str, str]]) -> tuple[Stratum, ...]:
    groups: dict[tuple[str, str], set[str]] = {}
    for problem in scores:
        for tag, value in tags.get(problem, {}).items():
            groups.setdefault((tag, value), set()).add(problem)
    several = Counter(tag for tag, _ in groups)
    strata: list[Stratum] = []
    for (tag, value), members in sorted(groups.items()):
        if several[tag] < 2:
            continue  # a tag that all problems share tells nothing
        inside = {p: s for p, s in scores.items() if p in members}
        before = {p: s for p, s in first.items() if p in members}
        strata.append(Stratum(tag, value, _score(inside), _against(before, inside) if before else None))
    return tuple(strata)


def _adjusted(rows: Sequence[ArmRow]) -> tuple[ArmRow, ...]:
    """Holm's adjustment over the arms that are compared with the first."""
    compared = [row.against_first for row in rows if row.against_first is not None]
    p_values = iter(holm([against.p for against in compared]))
    return tuple(
        replace(row, against_first=replace(row.against_first, p_holm=next(p_values)))
        if row.against_first is not None
        else row
        for row in rows
    )
