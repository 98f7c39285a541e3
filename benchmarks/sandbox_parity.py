"""Do we judge as evalplus does? Canonical solutions of HumanEval+ and mutants of them, judged by both.

    python benchmarks/sandbox_parity.py --data HumanEvalPlus-Mini.jsonl.gz --evalplus-python VENV/bin/python

evalplus is no dependency of ours: ``VENV`` is a virtual environment that has it. Prints a table and one JSON line, and
writes both with every difference to ``benchmarks/results/sandbox_parity.json``. evalplus does not isolate what it runs;
only the mutants made here are given to it, in a process with limits on memory, CPU time and the size of files.

evalplus 0.3.1 fails every program for HumanEval/32, the canonical one too: where any zero of a polynomial will do, it
forgets to count the inputs that passed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.humaneval_plus import Task, Verdict, judge, load, run
from benchmarks.mutants import mutants

from atlas.compare import codec
from atlas.sandbox import Sandbox, Status

RESULT = Path(__file__).parent / "results" / "sandbox_parity.json"

# Reads one task a line, writes one list of verdicts a line. evalplus is asked at every input, and stops at the first
# failure, as it does when it scores; its limit is wall time, so it is generous.
_DRIVER = """
import copy, importlib.metadata, json, resource, sys
for which, most in (("CPU", 900), ("AS", 8 << 30), ("FSIZE", 64 << 20)):
    resource.setrlimit(getattr(resource, "RLIMIT_" + which), (most, most))
from evalplus.eval import untrusted_check
print(json.dumps(importlib.metadata.version("evalplus")), flush=True)
for line in sys.stdin:
    task = json.loads(line)
    scope = {}
    exec(task["canonical"], scope)
    expected = [scope[task["entry"]](*copy.deepcopy(i)) for i in task["inputs"]]
    verdicts = []
    for code in task["codes"]:
        stat, details = untrusted_check(
            "humaneval", code, task["inputs"], task["entry"], expected, task["atol"],
            ref_time=[0.0] * len(expected), fast_check=True, min_time_limit=5.0,
        )
        verdicts.append([stat, len(details)])
    print(json.dumps(verdicts), flush=True)
"""


class Evalplus:
    """evalplus in a process of its own."""

    def __init__(self, python: str, folder: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", _DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self.version: str = self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def verdicts(self, task: Task, codes: list[str]) -> list[str]:
        """Return "pass", "fail" or "timeout" of each program."""
        assert self._process.stdin is not None
        fields = {"canonical": task.canonical, "entry": task.entry, "inputs": task.inputs, "atol": task.atol}
        self._process.stdin.write(json.dumps(fields | {"codes": codes}) + "\n")
        self._process.stdin.flush()
        return [verdict for verdict, _ in self._line()]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def kind_of(ours: Verdict, theirs: str) -> str:
    """Name a difference by its cause, as far as it can be seen from outside."""
    if ours.passed:
        return "we pass, evalplus times out" if theirs == "timeout" else "we pass, evalplus fails"
    if ours.status is Status.BAD_VALUE:
        return "evalplus accepts a value that is no plain data"
    if ours.status is not Status.OK:
        return f"we see {ours.status.value}, evalplus passes"
    return "evalplus passes another value"


async def strict(sandbox: Sandbox, task: Task, code: str, expected: list[Any]) -> list[str]:
    """Name the types that differ in a program that passes: True for 1, a tuple for a list."""
    seen = await run(sandbox, task, code)
    found = {
        f"{type(want).__name__} expected, {type(got.value).__name__} returned"
        for want, got in zip(expected, seen, strict=True)
        if got.status is Status.OK and type(want) is not type(got.value)
    }
    inside = any(_shape(want) != _shape(got.value) for want, got in zip(expected, seen, strict=True))
    return sorted(found) or (["other types inside"] if inside else [])


def _shape(value: Any) -> Any:
    """The types of a value and of what is in it."""
    if isinstance(value, (list, tuple)):
        return type(value), [_shape(item) for item in value]
    return type(value)


async def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Judge all programs by both; return the counts."""
    tasks = load(arguments.data)[: arguments.problems]
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    types: Counter[str] = Counter()
    differences: list[dict[str, Any]] = []
    spent = {"ours": 0.0, "evalplus": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        evalplus = Evalplus(arguments.evalplus_python, folder)
        async with await Sandbox.start(1) as sandbox:
            for number, task in enumerate(tasks):
                seen = await run(sandbox, task, task.canonical)
                assert all(s.status is Status.OK for s in seen), f"{task.id}: {seen}"
                expected = [s.value for s in seen]
                codes = [task.canonical, *mutants(task.canonical, arguments.mutants, number)]
                began = time.monotonic()
                ours = [await judge(sandbox, task, code, expected) for code in codes]
                between = time.monotonic()
                theirs = await asyncio.to_thread(evalplus.verdicts, task, codes)
                spent["ours"] += between - began
                spent["evalplus"] += time.monotonic() - between
                for code, mine, other in zip(codes, ours, theirs, strict=True):
                    counts["programs"] += 1
                    counts["ours pass"] += mine.passed
                    counts["evalplus pass"] += other == "pass"
                    if mine.passed == (other == "pass"):
                        counts["agree"] += 1
                        if mine.passed:
                            types.update(await strict(sandbox, task, code, expected))
                        continue
                    kinds[kind_of(mine, other)] += 1
                    differences.append(_told(task, code, mine, other))
                print(f"{task.id}: {counts['agree']} of {counts['programs']} agree", file=sys.stderr, flush=True)
        evalplus.close()
    return {
        "evalplus": evalplus.version,
        "data": arguments.data.name,
        "problems": len(tasks),
        "programs": counts["programs"],
        "agree": counts["agree"],
        "ours_pass": counts["ours pass"],
        "evalplus_pass": counts["evalplus pass"],
        "differences_by_kind": dict(kinds.most_common()),
        "passing_with_other_types": dict(types.most_common()),
        "differences": differences,
        "wall_s": {side: round(seconds, 1) for side, seconds in spent.items()},
    }


def _told(task: Task, code: str, mine: Verdict, other: str) -> dict[str, Any]:
    old, new = task.canonical.splitlines(), code.splitlines()
    return {
        "task": task.id,
        "ours": "pass" if mine.passed else mine.status.value,
        "evalplus": other,
        "input": None if mine.index is None else mine.index,
        "expected": codec.dumps(mine.expected)[:200],
        "actual": codec.dumps(mine.actual)[:200],
        "changed": [line.strip() for line in new if line.strip() not in {o.strip() for o in old}][:4],
    }


def main() -> None:
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="HumanEvalPlus*.jsonl.gz")
    parser.add_argument("--evalplus-python", required=True, help="an interpreter that has evalplus")
    parser.add_argument("--mutants", type=int, default=10, help="mutants a problem")
    parser.add_argument("--problems", type=int, default=None, help="only the first so many")
    arguments = parser.parse_args()
    result = asyncio.run(compare(arguments))
    print(f"{result['agree']} of {result['programs']} verdicts agree ({result['problems']} problems)")
    print(f"pass: {result['ours_pass']} by ours, {result['evalplus_pass']} by evalplus {result['evalplus']}")
    for title in ("differences_by_kind", "passing_with_other_types"):
        print(title.replace("_", " ") + ":")
        for name, count in result[title].items():
            print(f"  {count:5}  {name}")
    if arguments.problems is None:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "differences"}))


if __name__ == "__main__":
    main()
