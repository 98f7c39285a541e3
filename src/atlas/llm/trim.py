"""A function without what a model wrote around it: tests, prints, a main guard, reading of input.

A task that asks for a function calls it; whatever else the module does when it is loaded can only fail.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection

from atlas.llm.names import bound_by, free, loads, read
from atlas.llm.syntax import UNUSABLE

_ACTS = {"input", "print", "exit", "quit", "breakpoint", "open"}
_ACTING_ATTRIBUTES = {"testmod", "main", "exit", "readline", "readlines", "write", "read"}


def trimmed(source: str, tree: ast.Module, entry: str, also: Collection[str] = ()) -> str:
    """``source`` (of ``tree``) with those top-level statements that define ``entry`` and what it may need.

    Left out are asserts, a main guard, expressions without effect, statements that print, read, exit or call
    ``entry`` (or a name in ``also``), test functions and classes that ``entry`` does not use, statements that
    depend on what was left out, and imports from outside the standard library that nothing uses then. Where that
    cannot be written, it is ``source`` as it is.
    """
    calls = {entry, *also}
    needed = _needed(tree, calls)
    kept = [n for n in tree.body if bound_by(n) & needed or not (_acts(n, calls) or _tests(n))]
    kept = _without_foreign_imports(_without_dependents(kept, tree))
    if len(kept) == len(tree.body):
        return source
    return _text(source, tree, kept)


def _needed(tree: ast.Module, names: Collection[str]) -> set[str]:
    """``names`` and those that they use, directly or through others."""
    todo, needed = set(names), set[str]()
    while todo:
        needed |= todo
        todo = {name for node in tree.body if bound_by(node) & todo for name in free(node)} - needed
    return needed


def _acts(node: ast.stmt, calls: Collection[str]) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
            return False
        case ast.Assert():
            return True
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Expr(value=value) if not isinstance(value, ast.Call | ast.Await | ast.Constant):
            return True
        case _:
            return any(isinstance(part, ast.Call) and _calls(part.func, calls) for part in ast.walk(node))


def _calls(function: ast.expr, calls: Collection[str]) -> bool:
    match function:
        case ast.Name(id=name):
            return name in calls or name in _ACTS
        case ast.Attribute(attr=name):
            return name in calls or name in _ACTING_ATTRIBUTES
        case _:
            return False


def _tests(node: ast.stmt) -> bool:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name.lower().startswith("test") or name in ("main", "check", "run_tests")
        case ast.ClassDef(name=name):
            return name.startswith("Test") or name.endswith(("Test", "Tests"))
        case _:
            return False


def _without_dependents(kept: list[ast.stmt], tree: ast.Module) -> list[ast.stmt]:
    """``kept`` without statements that read, when loaded, a name that only left-out statements bind."""
    while True:
        staying = {name for node in kept for name in bound_by(node)}
        gone = {name for node in tree.body for name in bound_by(node)} - staying
        rest = [node for node in kept if not loads(node) & gone]
        if len(rest) == len(kept):
            return kept
        kept = rest


def _without_foreign_imports(kept: list[ast.stmt]) -> list[ast.stmt]:
    # A name that is defined here as well comes from here: "from solution import f" in front of f itself.
    made = {name for node in kept if not isinstance(node, ast.Import | ast.ImportFrom) for name in bound_by(node)}
    used = read(kept) - made
    return [node for node in kept if not _foreign(node) or bound_by(node) & used]


def _foreign(node: ast.stmt) -> bool:
    match node:
        case ast.Import(names=names):
            return any(alias.name.partition(".")[0] not in sys.stdlib_module_names for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            return module.partition(".")[0] not in sys.stdlib_module_names
        case _:
            return False


def _text(source: str, tree: ast.Module, kept: list[ast.stmt]) -> str:
    """The source lines of ``kept``; written anew where statements share lines."""
    lines = source.split("\n")
    gone = {line for node in tree.body if node not in kept for line in _lines_of(node)}
    if gone & {line for node in kept for line in _lines_of(node)}:
        try:
            return ast.unparse(ast.Module(kept, [])) + "\n"
        except UNUSABLE:  # a long sum nests deeper than unparse can go
            return source
    return "\n".join(line for i, line in enumerate(lines, 1) if i not in gone).strip("\n") + "\n"


def _lines_of(node: ast.stmt) -> range:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return range(min([node.lineno, *(d.lineno for d in decorators)]), (node.end_lineno or node.lineno) + 1)
