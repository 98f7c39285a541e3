"""How every arm ended on every problem and seed: the rows that tables, comparisons and exports are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from atlas.bench import manifest as manifests
from atlas.bench import records
from atlas.bench.home import find_suite
from atlas.bench.manifest import Manifest
from atlas.bench.records import Grade, ObservedRow, PoolRecord, Spent, Submission, UsageRow, code_sha256
from atlas.bench.replay.packed import ids
from atlas.bench.spec import Arm, RunFiles
from atlas.bench.suites import store
from atlas.errors import UsageError
from atlas.search.evidence import Array

Outcome: TypeAlias = Literal["right", "wrong", "over a limit", "truncated", "deadline", "no program", "infrastructure"]
"""Every attempt ends in one of these. ``over a limit``: the program took too much time or memory, or printed too much;
``truncated`` and ``deadline``: no program, since replies were cut off by their token limit or by the clock. All but
``infrastructure``, which is no verdict, count as problems that were not solved."""

_UNKNOWN = Spent()

SELECTED, PUBLISHED = "selected@1", "as published"
"""What a run's score is: the answer that was handed over is right; or whatever its makers call solved."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One arm on one problem with one seed. Shares in [0, 1]; None where there is no verdict or nothing is known.

    * ``selected``: the answer that was handed over is right
    * ``oracle``: any candidate is right
    * ``random``: share of right programs among the completions
    * ``majority``: share of right programs among those of the most frequent row of outputs (ties share)
    * ``completions`` and ``right`` of them, if all have a verdict and none was made from another; else None
    * ``drawn``: all completions, whatever they were made from and whether they held a program
    * ``seconds``: wall time until the answer was there, with other problems in flight
    """

    arm: str
    seed: int
    problem: str
    outcome: Outcome
    selected: float | None
    oracle: float | None = None
    random: float | None = None
    majority: float | None = None
    completions: int | None = None
    right: int | None = None
    seconds: float | None = None
    usage: Spent = _UNKNOWN
    confidence: float | None = None
    drawn: int | None = None


@dataclass(frozen=True, slots=True)
class Graded:
    """A run with its verdicts, as its files have it. ``answers`` and ``pools`` by arm, then by problem and seed.

    A run that was imported has ``attempts`` alone.
    """

    files: RunFiles
    manifest: Manifest
    attempts: tuple[Attempt, ...]
    measure: str
    tags: Mapping[str, Mapping[str, str]]
    grades: Mapping[tuple[str, str], Grade]
    answers: Mapping[str, Mapping[tuple[str, int], Submission]]
    pools: Mapping[str, Mapping[tuple[str, int], PoolRecord]]

    def passes(self, problem: str, code: str) -> float | None:
        """1 right, 0 wrong, None without a verdict."""
        return passes(self.grades, problem, code)

    def by_arm(self) -> dict[str, list[Attempt]]:
        """In the order of the run's arms."""
        found: dict[str, list[Attempt]] = {arm.name: [] for arm in self.manifest.spec.arms}
        for attempt in self.attempts:
            found[attempt.arm].append(attempt)
        return found

    def controls(self, arm: str) -> list[Arm]:
        """The arms that are matched to this one, problem by problem first."""
        return sorted((a for a in self.manifest.spec.arms if a.match == arm), key=lambda a: a.match_total)


def passes(grades: Mapping[tuple[str, str], Grade], problem: str, code: str) -> float | None:
    """1 right, 0 wrong, None without a verdict."""
    grade = grades.get((problem, code_sha256(code)))
    return None if grade is None or grade.outcome == "lost" else float(grade.outcome == "pass")


def read(files: RunFiles) -> Graded:
    """A graded or imported run.

    Raises:
        UsageError: a file is absent or malformed.
    """
    manifest = manifests.read(files)
    return _imported(files, manifest) if manifest.imported else _graded(files, manifest)


def _imported(files: RunFiles, manifest: Manifest) -> Graded:
    attempts = tuple(
        Attempt(
            row.arm,
            row.seed,
            row.problem,
            "right" if row.passed else "wrong",
            float(row.passed),
            seconds=row.seconds,
            usage=Spent(generated_tokens=row.generated_tokens),
        )
        for row in records.verdicts(files.verdicts)
    )
    return Graded(files, manifest, attempts, PUBLISHED, {}, {}, {}, {})


def _graded(files: RunFiles, manifest: Manifest) -> Graded:
    suite = store.load(find_suite(manifest.suite.name).problems)
    places = [(arm.name, seed) for arm in manifest.spec.arms for seed in manifest.spec.seeds]
    answers: dict[str, dict[tuple[str, int], Submission]] = {arm: {} for arm, _ in places}
    pools: dict[str, dict[tuple[str, int], PoolRecord]] = {arm: {} for arm, _ in places}
    for arm, seed in places:
        answers[arm] |= {(p, seed): row for p, row in records.submissions(files.submissions(arm, seed)).items()}
        pools[arm] |= {(p, seed): row for p, row in records.pools(files.pool(arm, seed)).items()}
    grades, tags = records.grades(files.grades), {p.id: p.tags for p in suite.problems}
    took = _seconds(files) if manifest.spec.timed else {}
    attempts = tuple(
        _attempt(grades, arm, seed, answer, pools[arm].get((problem, seed)), took.get((arm, seed, problem)))
        for arm in answers
        for (problem, seed), answer in answers[arm].items()
    )
    return Graded(files, manifest, attempts, SELECTED, tags, grades, answers, pools)


def _seconds(files: RunFiles) -> dict[tuple[str, int, str], float]:
    """The longest time of each: a resumed run takes up again what is on its tape, which takes no time."""
    found: dict[tuple[str, int, str], float] = {}
    for row in records.seconds(files.seconds):
        if row.problem:
            place = (row.arm, row.seed, row.problem)
            found[place] = max(row.seconds, found.get(place, 0.0))
    return found


def _attempt(
    grades: Mapping[tuple[str, str], Grade],
    arm: str,
    seed: int,
    answer: Submission,
    pool: PoolRecord | None,
    seconds: float | None,
) -> Attempt:
    selected = 0.0 if answer.code is None else passes(grades, answer.problem, answer.code)
    if answer.lost or selected is None:
        return Attempt(arm, seed, answer.problem, "infrastructure", None, usage=_spent(answer.usage))
    outcome = _outcome(answer, selected, grades)
    candidates = pool.candidates if pool else ()
    verdicts = [passes(grades, answer.problem, c.code) for c in candidates]
    known = [(c.count, passed) for c, passed in zip(candidates, verdicts, strict=True) if passed is not None]
    unusable = pool.unusable if pool else 0
    drawn = unusable + sum(count for count, _ in known)
    right = sum(passed * count for count, passed in known)
    whole = pool is not None and len(known) == len(candidates) and not any(c.parent for c in candidates)
    return Attempt(
        arm,
        seed,
        answer.problem,
        outcome,
        selected,
        # The pool holds the submission, so an oracle below it could only come from a lost verdict.
        oracle=max([passed for _, passed in known] + [selected]),
        random=selected if pool is None else right / drawn if drawn else 0.0,
        majority=majority(pool, verdicts) if pool else selected,
        completions=drawn if whole else None,
        right=round(right) if whole else None,
        seconds=seconds,
        usage=_spent(answer.usage),
        confidence=answer.confidence,
        drawn=unusable + sum(c.count for c in candidates) if pool else None,
    )


def _spent(usage: UsageRow) -> Spent:
    return Spent(**usage.model_dump())


def majority(pool: PoolRecord, passed: Sequence[float | None]) -> float | None:
    """What a vote by identical outputs would get; None where the run did not note them.

    ``passed`` has the verdict of each candidate; those without one do not vote.

    Raises:
        UsageError: the outputs in the record are malformed.
    """
    if pool.observed is None:
        return None
    classes: dict[bytes | int, list[tuple[int, float]]] = {}
    rows = _outputs(pool, pool.observed)
    for place, (row, candidate, share) in enumerate(zip(rows, pool.candidates, passed, strict=True)):
        if share is not None:  # without an input nobody knows who is alike
            classes.setdefault(row.tobytes() or place, []).append((candidate.count, share))
    votes = {row: sum(count for count, _ in members) for row, members in classes.items()}
    most = max(votes.values(), default=0)
    winners = [classes[row] for row, count in votes.items() if count == most]
    shares = [sum(count * share for count, share in members) / most for members in winners]
    return sum(shares) / len(shares) if shares else 0.0


def _outputs(pool: PoolRecord, seen: ObservedRow) -> Array:
    """(candidates, inputs) numbers of classes of outcomes."""
    try:
        return ids(seen.out_ids, (len(pool.candidates), len(seen.inputs)), len(seen.out_vocab))
    except ValueError as error:
        raise UsageError(f"The run's pool of {pool.problem!r} is malformed: {error}.") from None


def _outcome(answer: Submission, selected: float, grades: Mapping[tuple[str, str], Grade]) -> Outcome:
    if selected:
        return "right"
    if answer.code is not None:
        limit = grades[answer.problem, code_sha256(answer.code)].outcome == "limit"
        return "over a limit" if limit else "wrong"
    if _says("cut off", answer.reasons):
        return "truncated"
    return "deadline" if _says("cut by the deadline", answer.reasons) else "no program"


def _says(words: str, reasons: Iterable[str]) -> bool:
    return any(words in reason for reason in reasons)
