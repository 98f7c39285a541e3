"""How a run was made, in a paragraph that is written from what was run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atlas.bench.attempts import SELECTED
from atlas.bench.manifest import Found, Manifest
from atlas.bench.summary import ArmRow, Summary
from atlas.llm.types import Sampling


def methodology(summary: Summary, manifest: Manifest, found: Found | None) -> str:
    """The paragraph; an imported run's says that nothing was run here."""
    if manifest.imported:
        parts = [
            f"The verdicts on {_count(summary.problems, 'problem')} of {summary.suite} were imported from "
            f"{manifest.imported}: nothing was run or graded here, and a score is whatever its makers call solved."
        ]
    else:
        parts = [_problems(summary, manifest), *_measure(summary.rows), _model(manifest, found), _wall(found)]
        parts.append(
            "A grader, a process of its own, opened the answer keys after all submissions were sealed, and judged "
            "each distinct program once."
        )
        parts.append(_left_out(summary.rows))
    parts.append(_statistics(summary))
    return " ".join(parts)


def _problems(summary: Summary, manifest: Manifest) -> str:
    suite, seeds = manifest.suite, manifest.spec.seeds
    return (
        f"{_count(summary.problems, 'problem')} of {suite.name} (version {suite.version}, {suite.source}, problems "
        f"{suite.digest[:12]}, keys {suite.keys_digest[:12]}) were given to {_count(len(summary.rows), 'arm')} with "
        f"{_count(len(seeds), 'seed')} ({', '.join(map(str, seeds))})."
    )


def _measure(rows: Sequence[ArmRow]) -> list[str]:
    """What selected@1 is of: one completion, or a choice among several."""
    several = [row for row in rows if row.drawn and row.drawn.most > 1]
    single = [row.arm for row in rows if row.drawn and row.drawn.most <= 1]
    said: list[str] = []
    if several:
        told = "; ".join(f"{row.arm} from k = {_k(row)}" for row in several)
        said.append(
            f"The score is {SELECTED}: of all that an arm drew for a problem, one program is handed over, chosen "
            f"without a hidden test ({told} completions). It is not pass@1, which is of one completion."
        )
    if single:
        said.append(f"{', '.join(single)} drew one completion a problem: there {SELECTED} is pass@1.")
    return said


def _k(row: ArmRow) -> str:
    drawn = row.drawn
    assert drawn is not None
    return str(drawn.most) if drawn.fewest == drawn.most else f"{drawn.fewest} to {drawn.most}, median {drawn.median}"


def _model(manifest: Manifest, found: Found | None) -> str:
    spec = manifest.spec
    thinking = "thinking off" if spec.thinking is None else f"thoughts of up to {spec.thinking.budget} tokens"
    own = [arm for arm, strategy in manifest.strategies.items() if strategy.get("thinking")]
    if own:
        thinking += f" ({', '.join(own)}: a budget of its own)"
    deadline = "no deadline" if spec.deadline_s is None else f"a deadline of {spec.deadline_s:g} s a problem"
    together = f", {_count(found.in_flight, 'problem')} at a time" if found and found.in_flight else ""
    told: list[str] = []
    if spec.local:
        about: dict[str, Any] = found.engine if found else {}
        name = about.get("model") or spec.engine.model or "one without a name"
        digest = f" (sha256 {str(about['sha256'])[:12]})" if about.get("sha256") else ""
        told.append(
            f"The model was {name}{digest}, {_drawn(spec.sampling, spec.max_tokens)}, {thinking}, {deadline}{together}."
        )
    for arm in spec.arms:
        if arm.api is not None:
            seen = found.apis.get(str(arm.api), {}) if found else {}
            told.append(
                f"{arm.name} asked {seen.get('model', arm.api.model)} by the API of {arm.api.provider}, "
                f"{_drawn(spec.api_sampling, spec.api_max_tokens)}, {thinking}, {deadline}{together}."
            )
            told += seen.get("notes", ())
    return " ".join(told)


def _drawn(sampling: Sampling, max_tokens: int) -> str:
    return (
        f"drawn from at temperature {sampling.temperature:g} and top-p {sampling.top_p:g} unless an arm is greedy, "
        f"with at most {max_tokens} tokens a program"
    )


def _wall(found: Found | None) -> str:
    kind = str(found.wall.get("kind", "none")) if found else "none"
    denied = found.wall.get("denied", ()) if found else ()
    if kind == "none":
        return "No wall stood between the solving process and the answer keys."
    return f"The operating system ({kind}) denied the answer keys to the solving process ({len(denied)} places)."


def _left_out(rows: Sequence[ArmRow]) -> str:
    lost = sum(row.infrastructure for row in rows)
    cut = sum(row.truncated for row in rows)
    late = sum(row.late + row.limits for row in rows)
    return (
        f"Of {sum(row.attempts for row in rows):,} attempts {_count(lost, 'infrastructure error')} "
        f"{'is' if lost == 1 else 'are'} in no score; {cut:,} ended truncated, {late:,} at a limit of time or memory: "
        "these count as not solved and have columns of their own."
    )


def _statistics(summary: Summary) -> str:
    words = "Intervals of scores are Wilson's at 95%"
    if len(summary.rows) > 1:
        words += (
            "; differences are paired over problems, with a bootstrap interval and McNemar's exact test under Holm's "
            "adjustment"
        )
    # Of a run that was made elsewhere nobody knows what its tokens include.
    return f"{words}." + (" Tokens include discarded and cancelled completions." if summary.measure == SELECTED else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
