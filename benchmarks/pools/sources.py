"""Where recorded completions lie, and how each source's files read. A file is pinned by its repository's commit."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from atlas.bench.replay.record import Sampled
from atlas.llm.syntax import parsed

_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where a base model's completion of a function ends, as the authors of CodeT cut it."""
_IMPORTS = (
    "from typing import *\nimport math, re, itertools, functools, collections, string, heapq, bisect, hashlib, copy, "
    "datetime, statistics, operator, random, sys\nfrom collections import *\nfrom functools import *\n"
    "from itertools import *\nfrom heapq import *\n"
)
"""Chat models leave out the imports that the prompt already has."""


@dataclass(frozen=True, slots=True)
class Source:
    """One pool: the files that it is made from, and how to read them. ``licence`` is that of the completions."""

    name: str
    licence: str
    files: Mapping[str, str]
    read: Callable[[Mapping[str, bytes]], Iterator[Sampled]]


def _raw(repository: str, commit: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"


def _lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().splitlines() if line.strip()]


def read_codet(files: Mapping[str, bytes]) -> Iterator[Sampled]:
    """CodeT's release: problems, and for each prompt the completions and the completions of a test prompt."""
    written = {row["prompt"]: row["samples"] for row in _lines(files["solutions"])}
    tests = _by_function(_lines(files["tests"]))
    for problem in _lines(files["problems"]):
        prompt, entry = problem["prompt"], problem["entry_point"]
        yield Sampled(
            id=problem["task_id"],
            prompt=prompt,
            entry_point=entry,
            programs=tuple(prompt + _cut(text) for text in written.get(prompt, ())),
            tests=tuple(tuple(_asserts(text, entry)) for text in tests.get(entry, ())),
            check=problem["test"],
        )


def read_agentcoder(files: Mapping[str, bytes]) -> Iterator[Sampled]:
    """AgentCoder's release: a list of problems with five completions and five lists of asserts each."""
    for problem in json.loads(files["completions"]):
        prompt, entry = problem["prompt"], problem["entry_point"]
        yield Sampled(
            id=problem["task_id"],
            prompt=prompt,
            entry_point=entry,
            programs=tuple(_whole(prompt, text, entry) for text in problem["completion_list"]),
            tests=tuple(tuple(_statements(text, entry)) for text in problem["test_case_list"]),
            check=problem["test"],
        )


def read_mixed(files: Mapping[str, bytes]) -> Iterator[Sampled]:
    """One program of each of LLMDebugger's models, then AgentCoder's first three; AgentCoder's tests, then Reflexion's.

    First attempts alone: LLMDebugger's seeds are what its models wrote before any debugging, and Reflexion's
    ``test-acc`` run asked once for each list of asserts. Both kept what failed. Programs that either of them repaired
    are no draws, and the field ``is_solved`` is the key: neither is read.
    """
    seeds = [_by_task(files[model]) for model in _SEEDS]
    asserts = _by_task(files["asserts"])
    for sampled in read_agentcoder(files):
        task, entry = sampled.id, sampled.entry_point
        written = (_whole(sampled.prompt, seed[task]["solution"], entry) for seed in seeds)
        tests = tuple(test for text in asserts[task]["solution"] for test in _statements(text, entry))
        yield replace(
            sampled,
            programs=(*written, *sampled.programs[:3]),
            tests=(*sampled.tests, tests),
            public_tests=tuple(seeds[0][task]["given_tests"]),
        )


def _by_task(data: bytes) -> dict[str, dict[str, Any]]:
    return {row["task_id"]: row for row in _lines(data)}


def _by_function(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Completions by the function that the test prompt asks for: the last that it defines."""
    return {row["prompt"].rpartition("def ")[2].partition("(")[0]: row["samples"] for row in rows}


def _cut(text: str) -> str:
    for stop in _STOPS:
        text = text.partition(stop)[0]
    return text


def _asserts(text: str, entry: str) -> Iterator[str]:
    """The asserts in the completion of a prompt that ends in ``assert``."""
    for part in f"assert {text}".split("assert "):
        test = f"assert {_cut(part).strip()}"
        if entry in part and parsed(test) is not None:
            yield test


def _statements(text: str, entry: str) -> Iterator[str]:
    """The asserts about ``entry`` among the statements of a text; none where it is no Python."""
    tree = parsed(text)
    for node in [] if tree is None else tree.body:
        if isinstance(node, ast.Assert) and entry in (test := ast.unparse(ast.Assert(node.test))):
            yield test


def _whole(prompt: str, text: str, entry: str) -> str:
    """A chat model's completion as a program: it may be the whole function or its body."""
    front = prompt if f"def {entry}" not in text else prompt[: prompt.rfind(f"def {entry}")] + "\n"
    return f"{_IMPORTS}{front}{text}\n"


_CODET = "microsoft/CodeT"
_CODET_AT = "47205e2aea3a6fc3993085d8d2921ac51275cf96"
_CODET_PROBLEMS_AT = "61edff88a9823849b72d58c2a9eaac673c1056b5"
_CODET_DATA = "CodeT/data/generated_data/hmeval_codegen16B_temp0.8_topp0.95_num100_max300"
_AGENTCODER = _raw(
    "huangd1999/AgentCoder", "650a44d670059e060506d80340cce12fcaf67d0d", "dataset/gpt-3.5-turbo-1106.json"
)
_SEEDS = ("codellama", "starcoder", "gpt-3.5-turbo-0613")
"""LLMDebugger's models whose seeds are used; a file's name here and its folder there."""
SOURCES = (
    Source(
        "humaneval_codegen16b_100x100",
        "MIT",
        {
            "problems": _raw(_CODET, _CODET_PROBLEMS_AT, "CodeT/data/dataset/hmeval_for_code_generation.jsonl"),
            "solutions": _raw(_CODET, _CODET_AT, f"{_CODET_DATA}_code_solution.jsonl"),
            "tests": _raw(_CODET, _CODET_AT, f"{_CODET_DATA}_test_case.jsonl"),
        },
        read_codet,
    ),
    Source(
        "humaneval_gpt35turbo1106_5x5",
        "MIT (as the README of huangd1999/AgentCoder says)",
        {"completions": _AGENTCODER},
        read_agentcoder,
    ),
    Source(
        "humaneval_mixed_8x6",
        "Apache-2.0 (FloridSleeves/LLMDebugger), MIT (huangd1999/AgentCoder, noahshinn/reflexion)",
        {
            model: _raw(
                "FloridSleeves/LLMDebugger",
                "4cc36557a049e17af59da966ede0409729f76307",
                f"input_data/humaneval/seed/{model}/seed.jsonl",
            )
            for model in _SEEDS
        }
        | {
            "completions": _AGENTCODER,
            "asserts": _raw(
                "noahshinn/reflexion",
                "4e42b24dab6b40c05cd82d10e357128834ca93ad",
                "programming_runs/root/testacc_humaneval_py/humaneval-py..gz_test-acc_1_gpt-4_pass_at_k_1_py.jsonl",
            ),
        },
        read_mixed,
    ),
)
