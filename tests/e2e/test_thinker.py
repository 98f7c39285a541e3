"""A thinking 14B model with all its habits goes through the whole search; nothing in the search knows any model."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_thinker import LEAK, Mode, ScriptedThinker, Task

import atlas.search
from atlas.gather import gather
from atlas.llm.client import attach
from atlas.llm.types import Sampling, Thinking
from atlas.problem import Call, Input, Problem, Stdin
from atlas.sandbox import Program, Sandbox
from atlas.search import prompts
from atlas.search.assemble import entry_of
from atlas.search.outputs import matches
from atlas.search.schedule import load
from atlas.search.settings import Settings, Tools
from atlas.search.solver import solve
from atlas.statement import read_statement
from atlas.store.tape import Tape

MAXIMA = Task(
    "running maximum",
    "running_maxima",
    "def running_maxima(numbers):\n    found = []\n    for n in numbers:\n"
    "        found.append(max(n, found[-1]) if found else n)\n    return found\n",
    (
        "def running_maxima(numbers):\n    return [max(numbers)] * len(numbers)\n",
        "def running_maxima(numbers):\n    return sorted(numbers)\n",
    ),
    lambda numbers: [max(numbers[: i + 1]) for i in range(len(numbers))],
    ([3, 1, 2], [-1, -5], [2, 2, 9]),
)
EVENS = Task(
    "sum of the even numbers",
    "",
    "n = int(input())\nprint(sum(x for x in map(int, input().split()) if x % 2 == 0))\n",
    (
        "n = int(input())\nprint(sum(map(int, input().split())))\n",
        "n = int(input())\nprint(max(map(int, input().split())))\n",
    ),
    lambda text: sum(x for x in map(int, text.split()[1:]) if x % 2 == 0),
    ("3\n2 7 8\n", "1\n5\n", "2\n-2 6\n"),
)
REVERSE = Task(
    "reverse the list",
    "reverseList",
    "def reverseList(head):\n    last = None\n    while head:\n"
    "        head.next, last, head = last, head, head.next\n    return last\n",
    (
        "def reverseList(head):\n    return head\n",
        "def reverseList(head):\n    if head and head.next:\n"
        "        head.val, head.next.val = head.next.val, head.val\n    return head\n",
    ),
    lambda values: values[::-1],
    ([1, 2], [4, 4, 5], []),
)
STATEMENTS = {
    MAXIMA: "Return the running maximum of a list: at each place the largest number so far.\n"
    "def running_maxima(numbers: list[int]) -> list[int]:\nrunning_maxima([1, 3, 2, 5]) == [1, 3, 3, 5]",
    EVENS: "The first line holds n, the second n numbers. Print the sum of the even numbers.\n\n"
    "Input:\n4\n1 2 3 4\nOutput:\n6",
    REVERSE: "Given the head of a linked list, reverse the list.\n\nExample 1:\n\nInput: head = [1,2,3]\n"
    "Output: [3,2,1]\n\nclass Solution:\n    def reverseList(self, head: Optional[ListNode]) -> Optional[ListNode]:\n",
}
FULL = {"drafts": 4, "plans": 2, "variants": 3, "tests": 3, "samples": 2, "refinements": 1, "contests": 1, "checks": 1}


def hidden(task: Task) -> tuple[Input, ...]:
    return tuple(Call((i,)) if task.name else Stdin(i) for i in task.inputs)


def truth(task: Task, input: Input) -> object:
    return task.truth(input.args[0]) if isinstance(input, Call) else f"{task.truth(input.text)}\n"


@pytest.mark.parametrize(
    ("mode", "budget"),
    [
        ("reasoning_content", 40),
        ("reasoning_content", 0),
        ("tags", 40),
        ("tags", 0),
        ("server budget", 40),
        ("none", 0),
    ],
)
async def test_the_whole_search_in_each_mode(mode: Mode, budget: int) -> None:
    thinking = Thinking(budget) if budget else None
    settings = Settings(sampling=Sampling(0.7, 0.95), max_tokens=240, thinking=thinking)
    full = load("full", **FULL)
    # Every round, however soon the evidence is settled: each kind of request meets each habit.
    strategy = replace(full, rounds=tuple(replace(round, when="always") for round in full.rounds))
    with ScriptedThinker(mode, tuple(STATEMENTS)) as thinker:
        client = await attach(thinker.url)
        try:
            async with await Sandbox.start(2) as sandbox:
                seen = client.capabilities
                assert seen.thinking == {"server budget": "reasoning_content"}.get(mode, mode)
                assert bool(seen.thinking_budget) == (mode == "server budget")
                problems: dict[Task, Problem] = {task: read_statement(text) for task, text in STATEMENTS.items()}
                with Tape.memory() as tape:
                    solved = await gather(
                        solve(problem, strategy, Tools(tape, client, sandbox), settings=settings, scope=str(i))
                        for i, problem in enumerate(problems.values())
                    )
                for (task, problem), done in zip(problems.items(), solved, strict=True):
                    code = done.solution.code
                    assert code is not None
                    inputs = hidden(task)
                    observed = await sandbox.run(Program(code, entry_of(problem)), inputs)
                    assert all(matches(i, truth(task, i), o) for i, o in zip(inputs, observed, strict=True)), code
                    programs = [m.candidate.program.code for m in done.pool.members]
                    assert len(programs) > 1
                    said = {m["content"] for body in thinker.requests for m in body["messages"]}
                    assert prompts.observations(problem)[0].content in said
                    assert {end.phase for end in done.rounds} == {1, 2, 3}
                    assert not any(LEAK in p or "think>" in p for p in programs)
        finally:
            await client.aclose()
        cut_off = [r for done in solved for r in done.solution.reasons if "cut off" in r]
        if mode == "tags" and not budget:  # it thinks whether asked to or not, within the tokens of the answer
            assert thinker.truncated
            assert any("more tokens" in reason for reason in cut_off), cut_off
            assert {body["max_tokens"] for body in thinker.requests} >= {240, 480}
        if mode == "none":
            assert not cut_off
            assert not any(LEAK in str(body["messages"]) for body in thinker.requests)


def test_the_search_names_no_model() -> None:
    """Neither its code nor its texts; where a docstring says on what something was measured, it may."""
    names = re.compile(r"qwen|llama|gemma|mistral|deepseek|phi-?\d|gpt-|\bnano\b", re.IGNORECASE)
    folder = Path(atlas.search.__file__).parent
    files = [f for f in folder.rglob("*") if f.suffix in {".py", ".j2", ".toml"}]
    assert len(files) > 20
    found = {f.name: names.findall(_without_docstrings(f)) for f in files}
    assert {name: hits for name, hits in found.items() if hits} == {}


def _without_docstrings(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [n for n in body if not _is_text(n)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
