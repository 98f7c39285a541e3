"""One problem of a run told in full: where the first arm was wrong and the last arm was right."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.bench import manifest as manifests
from atlas.bench import records
from atlas.bench.home import find_suite
from atlas.bench.records import Grade, Submission, code_sha256
from atlas.bench.spec import RunFiles
from atlas.bench.suites import store
from atlas.problem import Problem


@dataclass(frozen=True, slots=True)
class Story:
    """A problem and what two arms handed over for it. ``others`` are problems of the same kind in the run."""

    problem: Problem
    first: str
    before: Submission
    last: str
    after: Submission
    others: int


def story(files: RunFiles) -> Story | None:
    """The first problem with examples that the last arm solved and the first got wrong; None if there is none.

    A program without a verdict is not told of: nobody knows that it is wrong.
    """
    manifest = manifests.read(files)
    grades = records.grades(files.grades)
    seed = manifest.spec.seeds[0]
    first, last = manifest.spec.arms[0].name, manifest.spec.arms[-1].name
    before = records.submissions(files.submissions(first, seed))
    after = records.submissions(files.submissions(last, seed))
    problems = {p.id: p for p in store.load(find_suite(manifest.suite.name).problems).problems}
    rescued = [id for id in before if id in after and _right(grades, before[id]) is False and _right(grades, after[id])]
    rescued.sort(key=lambda id: (not problems[id].examples, id))
    if not rescued:
        return None
    chosen = rescued[0]
    return Story(problems[chosen], first, before[chosen], last, after[chosen], len(rescued) - 1)


def render(told: Story) -> str:
    """The story as text."""
    return "\n".join(
        [
            f"Problem {told.problem.id}, one of {told.others + 1} that {told.last} solved and {told.first} did not:",
            "",
            _indented(told.problem.statement),
            "",
            f"{told.first} wrote, and it is wrong:",
            _indented(told.before.code or ""),
            "",
            f"{told.last} handed over, with confidence {told.after.confidence:.0%}, and it is right:",
            _indented(told.after.code or ""),
            _indented("; ".join(told.after.evidence)),
        ]
    )


def _right(grades: dict[tuple[str, str], Grade], answer: Submission) -> bool | None:
    """Whether the program that was handed over is right; None without a program or a verdict."""
    grade = grades.get((answer.problem, code_sha256(answer.code))) if answer.code is not None else None
    return None if grade is None or grade.outcome == "lost" else grade.outcome == "pass"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().split("\n"))
