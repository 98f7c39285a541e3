"""Arms that may spend what another arm spent: over real processes, resumed and replayed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench_fixture import answer, small_suite, spec_for
from scripted_server import ScriptedServer

from atlas.bench.audit import audit
from atlas.bench.events import Event
from atlas.bench.jsonl import write_lines
from atlas.bench.manifest import read
from atlas.bench.records import Submission, submissions
from atlas.bench.report import html, table
from atlas.bench.run import run
from atlas.bench.solving import budgets
from atlas.bench.spec import Arm, RunFiles, check, parse_arm
from atlas.errors import UsageError
from atlas.search.schedule import source_of


@pytest.fixture
def model() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer=answer) as server:
        yield server


def drop(_: Event) -> None:
    """Watch nothing."""


REFERENCE = Arm(
    "reference",
    "reference",
    toml="""
name = "reference"
[[rounds]]
[[rounds.steps]]
move = "draft"
n = 9
[[rounds]]
when = "unsettled"
repeat = 2
phase = 3
[[rounds.steps]]
move = "draft"
n = 3
greedy = false
""",
)
EACH = parse_arm("best-of-n:match=reference,batch=1")
TOTAL = parse_arm("best-of-n:match_total=reference,batch=1")


async def test_a_matched_arm_spends_what_its_reference_spent_and_replays(atlas_home, model: ScriptedServer):
    small_suite()
    order: list[str] = []

    def watch(event: Event) -> None:
        if event.kind == "solved" and event.arm not in order:
            order.append(event.arm)

    result = await run(spec_for(model.url, EACH, REFERENCE, TOTAL), watch)
    assert order[0] == "reference"  # whatever the order of the table
    files = RunFiles.at(result.root)
    reference, each, total = (submissions(files.submissions(a.name, 0)) for a in (REFERENCE, EACH, TOTAL))
    spent = {name: row.usage.generated_tokens for name, row in reference.items()}
    assert len(set(spent.values())) > 1
    assert {name: row.budget for name, row in each.items()} == spent
    assert {row.budget for row in total.values()} == {round(sum(spent.values()) / 4)}
    assert {row.budget for row in reference.values()} == {None}
    first, middle, last = result.summary.rows
    assert [row.arm for row in result.summary.rows] == [EACH.name, "reference", TOTAL.name]
    assert [c.arm for c in middle.controls] == [EACH.name, TOTAL.name]
    assert not first.controls + last.controls
    for control in middle.controls:
        assert control.tokens_ratio == pytest.approx(1.0, abs=0.05)
        assert control.against is not None
        assert control.against.problems == 4
    (third,) = middle.phases
    assert (third.phase, third.solves) == (3, 4)
    assert 0 < third.entered == third.controlled < 4
    text, page = table.render(result.summary), html.render(result.summary, read(files), None)
    for word in ("control with its tokens", "rescued", EACH.name):
        assert word in text
        assert word in page
    report = await audit(result.root, drop)
    assert report.passed, report.findings
    assert report.compared == 12


async def test_what_the_reference_lost_gives_no_budget(atlas_home, model: ScriptedServer):
    small_suite()
    waiting = {"double", "upper"}

    def never_square(body, index):
        # The reference asks for square after double, and once more at the end, after upper.
        for name in [w for w in waiting if w in str(body["messages"])]:
            waiting.remove(name)
            model.fail_next("malformed")
        return answer(body, index)

    model.answer = never_square
    each, total = (parse_arm(f"best-of-n:{how}=single,batch=1") for how in ("match", "match_total"))
    result = await run(spec_for(model.url, Arm("single", "single"), each, total, concurrency=1), drop)
    files = RunFiles.at(result.root)
    reference, matched, mean = (submissions(files.submissions(a, 0)) for a in ("single", each.name, total.name))
    assert [name for name, row in reference.items() if row.lost] == ["small/square"]
    assert [name for name, row in matched.items() if row.lost] == ["small/square"]
    assert matched["small/square"].lost == "it was lost by single, which it is matched to"
    spent = [row.usage.generated_tokens for row in reference.values() if not row.lost]
    assert {row.budget for row in mean.values()} == {round(sum(spent) / 3)}
    assert not any(row.lost for row in mean.values())
    report = await audit(result.root, drop)
    assert report.passed, report.findings


def test_where_the_reference_lost_everything_there_is_no_budget(tmp_path):
    files = RunFiles.at(tmp_path)
    row = Submission(problem="p", code=None, candidate=None, move="", confidence=0.0, lost="gone")
    files.submissions("reference", 0).parent.mkdir(parents=True)
    write_lines(files.submissions("reference", 0), [row.model_dump()])
    assert budgets(tmp_path, EACH, 0) == {}
    assert budgets(tmp_path, TOTAL, 0) == {}
    assert budgets(tmp_path, REFERENCE, 0) is None


def test_what_an_arm_may_be_called_and_match():
    assert Arm("best-of-n-match-reference-batch1", "best-of-n", {"batch": 1}, match="reference") == EACH
    assert TOTAL.match_total
    assert parse_arm("best-of-n:n=4") == Arm("best-of-n-n4", "best-of-n", {"n": 4})
    with pytest.raises(UsageError, match="matches twice"):
        parse_arm("best-of-n:match=full,match_total=full")


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ((EACH,), "matches 'reference', which is no arm of this run"),
        ((REFERENCE, EACH, Arm("b", "best-of-n", match=EACH.name)), "is matched itself"),
    ],
)
def test_matches_that_cannot_be(arms: tuple[Arm, ...], said: str):
    with pytest.raises(UsageError, match=said):
        check(spec_for("http://127.0.0.1:9", *arms))


async def test_a_strategy_that_spends_no_budget_cannot_be_matched(atlas_home):
    small_suite()
    arms = (Arm("a", "sampled"), Arm("b", "single", match="a"))
    with pytest.raises(UsageError, match=r'none of its rounds has repeat = "budget"'):
        await run(spec_for("http://127.0.0.1:9", *arms), drop)


async def test_an_arm_from_a_file_does_not_hang_on_the_file(atlas_home, tmp_path, model: ScriptedServer):
    small_suite()
    file = tmp_path / "mine.toml"
    file.write_text(source_of("best-of-n"))
    arm = parse_arm(f"{file}:n=2")
    file.unlink()
    assert (arm.name, arm.settings) == ("mine-n2", {"n": 2})
    result = await run(spec_for(model.url, arm), drop)
    assert read(RunFiles.at(result.root)).spec.arms[0] == arm
    assert result.summary.rows[0].selected.problems == 4
