"""Reading what a model says about a problem before it writes a program: lists and plain text. Pure."""

from __future__ import annotations

from atlas.llm.fences import answer, blocks
from atlas.llm.parse import extract_list, extract_program
from atlas.llm.types import Completion
from atlas.problem import Problem
from atlas.search.assemble import entry_of

_LONGEST_TEXT = 4000


def list_of(completion: Completion) -> tuple[str, ...]:
    """The items of the completion's list; of a completion that was cut off without the last, which may be half."""
    items = extract_list(completion.text)
    return items if completion.finish == "stop" else items[:-1]


def text_of(problem: Problem, completion: Completion) -> str:
    """The completion as plain text of at most 4000 characters; empty if it was cut off or holds code."""
    text = answer(completion.text).strip()
    if completion.finish != "stop" or blocks(text) or extract_program(text, entry_of(problem)) is not None:
        return ""
    return text[:_LONGEST_TEXT]


def why_unusable(completion: Completion, asked: str) -> str:
    """What to count for a completion that held no usable ``asked`` ("plan", "restatement", ...)."""
    if completion.finish == "length":
        return f"a reply was cut off after {completion.tokens} tokens and held no usable {asked}"
    return f"a reply held no usable {asked}"
