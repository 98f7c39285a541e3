"""From a graded run to recorded pools: what each arm proposed and observed, and, beside it, the verdicts.

It reads what the run handed over and the grader's verdicts; the key store stays closed.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from typing import Any

from atlas.bench import records
from atlas.bench.records import Grade, ObservedRow, PoolRecord, code_sha256
from atlas.bench.replay.texts import test_text
from atlas.bench.spec import RunFiles, RunSpec
from atlas.problem import FunctionProblem, Problem
from atlas.search.assemble import entry_of
from atlas.store.tape import canonical


def write_pools(files: RunFiles, spec: RunSpec, problems: tuple[Problem, ...]) -> None:
    """Write a pool (``docs/pools.md``) for every arm and seed of a graded run.

    Problems without a candidate are left out, and those with a candidate whose verdict was lost.

    Raises:
        UsageError: a file of the run is absent or malformed.
    """
    grades = records.grades(files.grades)
    files.recorded.mkdir(exist_ok=True)
    for arm in spec.arms:
        for seed in spec.seeds:
            found = records.pools(files.pool(arm.name, seed))
            rows = (_row(problem, found[problem.id], grades) for problem in problems if problem.id in found)
            path = files.recorded / f"{arm.name}-{seed}.jsonl.gz"
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            lines = (canonical(row) + "\n" for row in rows if row is not None)
            # Without the time of writing, so that the same run gives the same bytes.
            draft.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
            draft.replace(path)


def _row(problem: Problem, record: PoolRecord, grades: Mapping[tuple[str, str], Grade]) -> dict[str, Any] | None:
    verdicts = [grades.get((problem.id, code_sha256(c.code))) for c in record.candidates]
    known = [v.outcome for v in verdicts if v is not None and v.outcome != "lost"]
    seen, entry = record.observed, entry_of(problem) or ""
    if seen is None or not known or len(known) < len(verdicts):
        return None
    drawn = [(u, derived) for u, c in enumerate(record.candidates) for derived in _completions(c)]
    return {
        "id": problem.id,
        "prompt": problem.statement,
        "entry_point": entry,
        "signature": str(problem.signature) if isinstance(problem, FunctionProblem) else "",
        "public_tests": [test_text(e.input, e.output, entry) for e in problem.examples],
        "candidates": [c.code for c in record.candidates],
        "sample_cand": [u for u, _ in drawn],
        "sample_derived": [derived for _, derived in drawn],
        "label": [int(outcome == "pass") for outcome in known],
        "loads": seen.loads,
        "tests": seen.tests,
        "sample_tests": _replies(seen),
        "inputs": seen.inputs,
        "test_input": seen.test_input,
        "made_inputs": list(range(len(seen.inputs))),
        "shape": [len(record.candidates), len(seen.tests)],
        "pass_bits": seen.pass_bits,
        "out_ids": seen.out_ids,
        "out_vocab": seen.out_vocab,
    }


def _completions(candidate: records.PoolCandidate) -> list[int]:
    """A 0 for each independent draw, a 1 for each time that it was made from another candidate."""
    return [0] * (candidate.count - candidate.derived - candidate.echoed) + [1] * candidate.derived


def _replies(seen: ObservedRow) -> list[list[int]]:
    """Lists of tests with the votes that were counted: of an input, a reply holds one test at most."""
    replies = max((voters for _, voters in seen.votes), default=0)
    begin: dict[int, int] = {}
    held: list[list[int]] = [[] for _ in range(replies)]
    for test, (votes, _) in enumerate(seen.votes):
        first = begin.get(seen.test_input[test], 0)
        begin[seen.test_input[test]] = first + votes
        for reply in range(first, first + votes):
            held[reply % replies].append(test)
    return held
