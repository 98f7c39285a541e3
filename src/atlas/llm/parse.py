"""From a reply's text to programs, asserts, calls and text blocks. Pure, and hard to upset.

Replies are hostile input: they may be huge, nested without end, hold null bytes or half characters. Nothing here
runs them; they are parsed with bounds, and what cannot be used is left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from atlas.compare import codec
from atlas.llm.fences import answer, blocks
from atlas.llm.lists import extract_list
from atlas.llm.mend import mended
from atlas.llm.programs import extract_program, read_program
from atlas.llm.syntax import UNUSABLE, parsed
from atlas.problem import Call, Value

__all__ = ["extract_asserts", "extract_blocks", "extract_calls", "extract_list", "extract_program", "read_program"]

_MOST_ITEMS = 256
_MOST_LINES = 4096
_MOST_PARTS = 100_000
_WIDEST_INT_BITS = 10_000
_GOES_ON = re.compile(r"\s*(?:[=!<>]|(?:is|in|not|and|or)\b)")
"""What follows a call belongs to what is claimed of it: without it the call alone would be claimed to be true."""
_Node = TypeVar("_Node", ast.Assert, ast.Call)


def extract_asserts(text: str, entry: str) -> tuple[tuple[Call, Value], ...]:
    """Calls of ``entry`` with literal arguments and the literal that each is asserted to return.

    Understood are ``entry(..) == literal`` either way round, ``is``, ``not entry(..)``, ``entry(..)`` alone,
    and such joined by ``and``. Others are left out. Doubles are dropped; contradictions are kept.
    """
    found: dict[str, tuple[Call, Value]] = {}
    for tree in _trees(text, re.compile(r"\bassert\b")):
        for node in _in_order(tree, ast.Assert):
            for call, value in _claims(node.test, entry):
                found.setdefault(repr((call, value)), (call, value))
                if len(found) == _MOST_ITEMS:
                    return tuple(found.values())
    return tuple(found.values())


def extract_calls(text: str, entry: str) -> tuple[Call, ...]:
    """Calls of ``entry`` with literal positional arguments, in order, without doubles."""
    found: dict[str, Call] = {}
    for tree in _trees(text, re.compile(rf"\b{re.escape(entry)}\(")):
        for node in _in_order(tree, ast.Call):
            call = _call(node, entry)
            if call is not None:
                found.setdefault(repr(call), call)
                if len(found) == _MOST_ITEMS:
                    return tuple(found.values())
    return tuple(found.values())


def extract_blocks(text: str) -> tuple[str, ...]:
    """Texts of the fenced blocks in order, each ending in one line end, or empty.

    A block whose fence is never closed may be cut off and is left out.
    """
    closed = [b.text.rstrip("\n") for b in blocks(text) if b.closed]
    return tuple(t + "\n" if t else "" for t in closed[:_MOST_ITEMS])


def _trees(text: str, begin: re.Pattern[str]) -> Iterator[ast.Module]:
    """The parsed blocks of a reply; of what does not parse as a whole, its lines from ``begin`` on."""
    found = blocks(text)
    for source in [b.text for b in found] or [answer(text)]:
        tree = next((tree for text in mended(source) if (tree := parsed(text)) is not None), None)
        if tree is not None:
            yield tree
            continue
        for line in source.split("\n")[:_MOST_LINES]:
            if start := begin.search(line):
                rest = line[start.start() :].strip()
                alone = parsed(rest) or _before_prose(rest)
                if alone is not None:
                    yield alone


def _before_prose(line: str) -> ast.Module | None:
    """The line up to its last parenthesis: prose or a closing backtick may follow, but no half comparison."""
    end = line.rfind(")") + 1
    return None if _GOES_ON.match(line, end) else parsed(line[:end])


def _in_order(tree: ast.Module, kind: type[_Node]) -> list[_Node]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, kind)]
    return sorted(nodes, key=lambda node: (node.lineno, node.col_offset))


def _claims(test: ast.expr, entry: str) -> Iterator[tuple[Call, Value]]:
    """What an assert's condition says about single calls."""
    match test:
        case ast.BoolOp(op=ast.And(), values=parts):
            for part in parts:
                yield from _claims(part, entry)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            if (call := _call(operand, entry)) is not None:
                yield call, False
        case ast.Call():
            if (call := _call(test, entry)) is not None:
                yield call, True
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
            for asked, told in ((left, right), (right, left)):
                call = _call(asked, entry)
                if call is not None and (value := _literals([told])) is not None:
                    yield call, value[0]
        case _:
            pass


def _call(node: ast.expr, entry: str) -> Call | None:
    if not isinstance(node, ast.Call) or node.keywords:
        return None
    if not isinstance(node.func, ast.Name) or node.func.id != entry:
        return None
    args = _literals(node.args)
    return None if args is None else Call(args)


def _literals(nodes: Iterable[ast.expr]) -> tuple[Value, ...] | None:
    """The values of literal nodes; None if one is no literal, no plain data, or unfit to be printed."""
    try:
        values = tuple(ast.literal_eval(node) for node in nodes)
    except UNUSABLE:
        return None
    return values if _fit(values) and codec.is_plain(values) else None


def _fit(value: Value) -> bool:
    """Bounded in size; integers that can be printed, text that can be encoded."""
    todo = [value]
    for _ in range(_MOST_PARTS):
        if not todo:
            return True
        part = todo.pop()
        if isinstance(part, list | tuple | set | frozenset):
            todo.extend(part)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(part, dict):
            todo.extend(part)  # pyright: ignore[reportUnknownArgumentType]
            todo.extend(part.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        elif isinstance(part, int):
            if part.bit_length() > _WIDEST_INT_BITS:
                return False
        elif isinstance(part, str) and any("\ud800" <= c <= "\udfff" for c in part):
            return False
    return False
