"""When two programs are one: a form that leaves out what running them can't show. Pure."""

from __future__ import annotations

import ast

from atlas.sandbox.types import Program


def normal_form(code: str) -> str:
    """The same text for two Python programs that differ in layout, comments and docstrings only. ``code`` parses."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    try:
        return ast.dump(tree)
    except RecursionError:
        return code  # A chain of a thousand operators parses but is too deep to walk; it is its own form.


def form_of(program: Program) -> str:
    """What stands for a program: its normal form, or its very text where it is no Python that parses."""
    if program.language != "python":
        return program.code
    try:
        return normal_form(program.code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return program.code


def _docstring(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
