"""The table's numbers from records written by hand, and reports that show hostile text as text."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.bench import manifest as manifests
from atlas.bench.home import find_suite, user_suite
from atlas.bench.jsonl import write_lines
from atlas.bench.keys import HiddenTest, Key
from atlas.bench.phases import PhaseRates
from atlas.bench.records import Grade, PoolCandidate, PoolRecord, Seconds, Submission, UsageRow, code_sha256
from atlas.bench.records import grades as read_grades
from atlas.bench.report import html, table
from atlas.bench.report.plain import as_data
from atlas.bench.report.story import story
from atlas.bench.spec import Arm, RunFiles, RunSpec
from atlas.bench.suites.install import install
from atlas.bench.suites.store import load
from atlas.bench.summary import ArmRow, Summary, summarize
from atlas.compare.rules import Rule
from atlas.problem import Call, FunctionProblem, Signature

PROBLEMS = [f"p{i}" for i in range(10)]
ARMS = ("first", "second", "third")
RIGHT, WRONG, SLOW, GONE = "def f(): return 1", "def f(): return 2", "while 1: pass", "lost by the box"


def submitted(arm: str, index: int) -> Submission:
    """first: p0-p3 right, p8 lost to the server, p9 empty; second: p0-p6; third: p0-p3, p7 slow, p9 lost box."""
    name, usage = PROBLEMS[index], UsageRow(requests=1, generated_tokens=10, prompt_tokens=7, cached_tokens=2)
    right = {"first": range(4), "second": range(7), "third": range(4)}[arm]
    code: str | None = RIGHT if index in right else WRONG
    lost = ""
    if arm == "first" and index == 8:
        code, lost = None, "server gone"
    elif arm == "first" and index == 9:
        code = None
    elif arm == "third" and index in (7, 9):
        code = SLOW if index == 7 else GONE
    return Submission(
        problem=name, code=code, candidate="draft-0.0", move="draft", confidence=0.5, usage=usage, lost=lost
    )


@pytest.fixture
def files(atlas_home: Path) -> RunFiles:
    pairs = [
        (
            FunctionProblem(n, "<b>say</b>", Signature("f"), tags={"half": "ab"[i // 5], "same": "x"}),
            Key(n, Rule(), (HiddenTest(Call(()), 1),)),
        )
        for i, n in enumerate(PROBLEMS)
    ]
    install(user_suite("hand"), pairs, version="1", source="<script>alert(1)</script>", licence="Apache-2.0")
    files = RunFiles.at(atlas_home / "run")
    suite = load(find_suite("hand").problems)
    spec = RunSpec("hand", tuple(Arm(a, "single") for a in ARMS))
    manifests.write(files, manifests.make("run-1", spec, suite, {}))
    for arm in ARMS:
        rows = [submitted(arm, i) for i in range(len(PROBLEMS))]
        write_lines(files.submissions(arm, 0), (r.model_dump() for r in rows))
        write_lines(files.pool(arm, 0), (pool(r).model_dump() for r in rows if not r.lost))
    outcomes = {RIGHT: "pass", WRONG: "fail", SLOW: "limit", GONE: "lost"}
    grades = [
        Grade.model_validate({"problem": p, "code_sha256": code_sha256(c), "outcome": o})
        for p in PROBLEMS
        for c, o in outcomes.items()
    ]
    write_lines(files.grades, (g.model_dump() for g in grades))
    seconds = [Seconds(arm="first", seed=0, seconds=2.0), Seconds(arm="first", seed=0, seconds=1.5)]
    write_lines(
        files.seconds, (s.model_dump() for s in [*seconds, Seconds(arm="first", seed=0, problem="p0", seconds=9)])
    )
    return files


def pool(row: Submission) -> PoolRecord:
    """The submission, drawn once, beside a right program drawn once for p0 to p4, and one unusable reply."""
    found = [PoolCandidate(id="a", move="draft", parent=None, code=row.code, count=1, tokens=5)] if row.code else []
    if row.problem <= "p4" and row.code != RIGHT:
        found.append(PoolCandidate(id="b", move="draft", parent=None, code=RIGHT, count=1, tokens=5))
    return PoolRecord(problem=row.problem, candidates=tuple(found), unusable=1)


def test_the_numbers(files: RunFiles):
    first, second, third = summarize(files).rows
    assert (first.selected.mean, first.selected.problems) == (pytest.approx(4 / 9), 9)
    assert (second.selected.mean, second.selected.problems) == (0.7, 10)
    assert (third.selected.mean, third.selected.problems) == (pytest.approx(4 / 9), 9)
    assert first.oracle.mean == pytest.approx(5 / 9)
    assert first.random.mean == pytest.approx((4 * 1 / 2 + 1 / 3) / 9)
    assert (first.infrastructure, second.infrastructure, third.infrastructure) == (1, 0, 1)
    assert (first.unanswered, third.limits, second.limits) == (1, 1, 0)
    assert (first.generated_tokens, first.prompt_tokens, first.cached_tokens) == (100, 70, 20)
    assert first.seconds == 3.5
    assert first.against_first is None


def test_pairs_leave_out_what_has_no_verdict_and_p_is_adjusted(files: RunFiles):
    _, second, third = summarize(files).rows
    assert second.against_first is not None
    assert third.against_first is not None
    assert (second.against_first.problems, third.against_first.problems) == (9, 8)
    assert (second.against_first.gained, second.against_first.lost) == (3, 0)
    assert second.against_first.p == pytest.approx(0.25)
    assert second.against_first.p_holm == pytest.approx(0.5)
    assert third.against_first.p_holm == 1.0
    assert second.against_first.difference == pytest.approx(3 / 9)
    assert second.against_first.interval is None  # nine problems are too few
    assert "under 10 problems" in table.render(summarize(files))


def test_strata_are_tags_that_differ(files: RunFiles):
    _, second, _ = summarize(files).rows
    assert [(s.tag, s.value, s.selected.mean) for s in second.strata] == [("half", "a", 1.0), ("half", "b", 0.4)]


def test_arms_that_lack_a_stratum_keep_the_others_in_their_rows(files: RunFiles):
    summary = summarize(files)
    first, second, third = summary.rows

    def without(row: ArmRow, value: str) -> ArmRow:
        return replace(row, strata=tuple(s for s in row.strata if s.value != value))

    _, whole = table.strata_cells(summary)
    assert whole == [
        ("half: a", "5", "80.0", "100.0", "80.0", "+0.0", "under 10 problems"),
        ("half: b", "5", "0.0", "40.0", "0.0", "+0.0", "under 10 problems"),
    ]
    rows = (without(first, "a"), without(second, "b"), without(third, "a"))
    _, found = table.strata_cells(replace(summary, rows=rows))
    assert found == [
        ("half: a", "5", "-", "100.0", "-", "", ""),
        ("half: b", "4", "0.0", "-", "0.0", "+0.0", "under 10 problems"),
    ]
    assert "half: a" in table.render(replace(summary, rows=rows))


def test_reports_show_the_same_numbers_and_escape_everything(files: RunFiles):
    summary = summarize(files)
    text = table.render(summary)
    assert "70.0" in text
    assert "+33.3" in text
    assert "An infrastructure error is no verdict and counts nowhere" in " ".join(text.split())
    page = html.render(summary, manifests.read(files), None)
    assert "70.0" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert json.loads(json.dumps(as_data(summary)))["rows"][1]["selected"]["mean"] == 0.7


def test_the_control_of_a_phase_is_compared_on_the_solves_that_it_answered(files: RunFiles):
    summary = summarize(files)
    rates = PhaseRates(
        phase=3, solves=40, entered=20, wrong=12, rescued=5, damaged=1, generated_tokens=9,
        controlled=10, controlled_rescued=3, controlled_damaged=1, control_rescued=2, control_damaged=4,
    )  # fmt: skip
    alone = PhaseRates(phase=2, solves=40, entered=0, wrong=0, rescued=0, damaged=0, generated_tokens=0)
    first = replace(summary.rows[0], phases=(alone, rates))
    told = replace(summary, rows=(first,))
    assert [dict(zip(table.PHASE_HEAD, row, strict=True)) for row in table.phase_rows(told)] == [
        {
            "arm": "first", "phase": "2", "entered": "0 of 40 (0.0%)", "wrong before": "0",
            "rescued": "0 (-, 0.0%)", "damaged": "0 (-, 0.0%)",
            "with control": "", "rescued there": "", "control rescued": "", "damaged there": "", "control damaged": "",
        },
        {
            "arm": "first", "phase": "3", "entered": "20 of 40 (50.0%)", "wrong before": "12",
            "rescued": "5 (25.0%, 12.5%)", "damaged": "1 (5.0%, 2.5%)",
            "with control": "10", "rescued there": "3 (30.0%)", "control rescued": "2 (20.0%)",
            "damaged there": "1 (10.0%)", "control damaged": "4 (40.0%)",
        },
    ]  # fmt: skip


def test_the_story_is_of_a_program_that_was_found_wrong(files: RunFiles):
    assert story(files) is None
    write_lines(files.submissions("third", 0), (submitted("second", i).model_dump() for i in range(len(PROBLEMS))))
    told = story(files)
    assert told is not None
    assert (told.problem.id, told.first, told.last, told.others) == ("p4", "first", "third", 2)
    assert (told.before.code, told.after.code) == (WRONG, RIGHT)

    grades = {place: grade.model_dump() for place, grade in read_grades(files.grades).items()}
    del grades["p4", code_sha256(WRONG)]
    grades["p5", code_sha256(WRONG)]["outcome"] = "lost"
    write_lines(files.grades, grades.values())
    told = story(files)
    assert told is not None
    assert (told.problem.id, told.others) == ("p6", 0)


def test_an_empty_summary_renders():
    empty = Summary("r", "s", 1, 0, (), ())
    assert "0 problems" in table.render(empty)


def test_the_confidence_is_held_against_the_verdicts(files: RunFiles) -> None:
    """Every answer says 0.5: first is right in 4 of 9 answers, second in 7 of 10, third in 4 of 9 with a verdict."""
    summary = summarize(files)
    for row, right in zip(summary.rows, (4 / 9, 7 / 10, 4 / 9), strict=True):
        assert row.calibration is not None
        assert row.calibration.log_loss == pytest.approx(math.log(2))
        assert row.calibration.log_loss_base_rate == pytest.approx(
            -right * math.log(right) - (1 - right) * math.log(1 - right)
        )
        (bin,) = row.calibration.bins
        assert (bin.confidence, bin.right, bin.share) == (0.5, pytest.approx(right), 1.0)
    text = table.render(summary)
    assert "0.693" in text
    assert "third\nconfidence  right  share\n      0.50   0.44   1.00" in text
    page = html.render(summary, manifests.read(files), None)
    assert all(f'aria-label="Reliability of {arm}"' in page for arm in ARMS)
