"""From a reply's text to programs, asserts, calls and text blocks. Pure, and hard to upset.

Replies are hostile input: they may be huge, nested without end, hold null bytes or half characters. Nothing here
runs them; they are parsed with bounds, and what cannot be used is left out.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

from atlas.compare import codec
from atlas.llm.fences import Block, answer, blocks
from atlas.llm.lists import extract_list
from atlas.problem import Call, Value

__all__ = ["extract_asserts", "extract_blocks", "extract_calls", "extract_list", "extract_program"]

_LONGEST_PROGRAM = 64 << 10
_MOST_ITEMS = 256
_MOST_LINES = 4096
_MOST_PARTS = 100_000
_WIDEST_INT_BITS = 10_000
_PYTHON = ("python", "python3", "py", "py3")
_UNUSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)
"""What ast and compile raise on bad source: null bytes and half characters are ValueErrors, nesting beyond the
parser's stack is a MemoryError or RecursionError."""

_Node = TypeVar("_Node", ast.Assert, ast.Call)


def extract_program(text: str, entry: str | None) -> str | None:
    """The reply's program, or None when there is nothing usable.

    With ``entry`` it is the last fenced block that compiles and defines ``entry`` at its top level; without, the
    last one that reads like a program (Python by its label and by reading its input, where there are several).
    Prose around code without fences, or after a fence that is never closed, is cut off; a function that is
    itself cut off is not used.
    """
    found = blocks(text)
    sources = [b.text for b in _ranked(found, entry)] if found else [answer(text)]
    for source in sources:
        if _defines(_compiled(source), entry):
            return source.strip("\n") + "\n"
    for source in sources:
        rest = _without_prose(source)
        if _defines(_compiled(rest), entry):
            return rest
    return None


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


def _ranked(found: Iterable[Block], entry: str | None) -> list[Block]:
    """Most promising first: Python by label, then (for programs) what reads its input, then the later one."""

    def promise(numbered: tuple[int, Block]) -> tuple[bool, bool, int]:
        place, block = numbered
        reads = entry is None and any(word in block.text for word in ("input(", "stdin", "open(0"))
        return block.info in (*_PYTHON, ""), reads, place

    return [block for _, block in sorted(enumerate(found), key=promise, reverse=True)]


def _parsed(source: str) -> ast.Module | None:
    if len(source) > _LONGEST_PROGRAM:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a reply's own invalid escapes and the like
            return ast.parse(source)
    except _UNUSABLE:
        return None


def _compiled(source: str) -> ast.Module | None:
    """The tree of source that also compiles (``return`` outside a function parses, for one)."""
    tree = _parsed(source)
    if tree is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<reply>", "exec", dont_inherit=True)
    except _UNUSABLE:
        return None
    return tree


def _defines(tree: ast.Module | None, entry: str | None) -> bool:
    """Whether the module defines ``entry``, or, without one, does anything at all."""
    if tree is None:
        return False
    if entry is None:
        return any(_does_something(node) for node in tree.body)
    return any(entry in _names(node) for node in tree.body)


def _names(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.Assign):
        return tuple(target.id for target in node.targets if isinstance(target, ast.Name))
    return ()


def _does_something(node: ast.stmt) -> bool:
    """Words, numbers and tuples of them parse as Python too, but are prose or data."""
    return not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call | ast.Await)


_CONTINUES = re.compile(r"[)\]}\s]|(?:else|elif|except|finally)\b")


def _without_prose(source: str) -> str:
    """Those top-level statements of ``source`` that are code, each judged by itself."""
    chunks: list[list[str]] = []
    decorated = False
    for line in source[:_LONGEST_PROGRAM].split("\n"):
        if chunks and (not line or decorated or _CONTINUES.match(line)):
            chunks[-1].append(line)
        else:
            chunks.append([line])
        decorated = line.startswith("@")
    kept: list[str] = []
    for chunk in chunks[:_MOST_LINES]:
        code = "\n".join(chunk)
        tree = _parsed(code)
        if tree is not None and any(_does_something(node) for node in tree.body):
            kept.append(code.rstrip())
    return "\n".join(kept) + "\n"


def _trees(text: str, begin: re.Pattern[str]) -> Iterator[ast.Module]:
    """The parsed blocks of a reply; of what does not parse as a whole, its lines from ``begin`` on."""
    found = blocks(text)
    for source in [b.text for b in found] or [answer(text)]:
        tree = _parsed(source)
        if tree is not None:
            yield tree
            continue
        for line in source.split("\n")[:_MOST_LINES]:
            if start := begin.search(line):
                rest = line[start.start() :].strip()
                # Prose or a closing backtick may follow the last parenthesis.
                alone = _parsed(rest) or _parsed(rest[: rest.rfind(")") + 1])
                if alone is not None:
                    yield alone


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
    except _UNUSABLE:
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
