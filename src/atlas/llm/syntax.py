"""Parsing Python that nobody trusts: bounded, silent, and None where it is none."""

from __future__ import annotations

import ast
import warnings

LONGEST_PROGRAM = 64 << 10
UNUSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)
"""What ast and compile raise on bad source: null bytes and half characters are ValueErrors, nesting beyond the
parser's stack is a MemoryError or RecursionError."""


def parsed(source: str) -> ast.Module | None:
    """The tree of ``source``, or None."""
    if len(source) > LONGEST_PROGRAM:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a reply's own invalid escapes and the like
            return ast.parse(source)
    except UNUSABLE:
        return None


def compiled(source: str) -> ast.Module | None:
    """The tree of source that also compiles (``return`` outside a function parses, for one), or None."""
    tree = parsed(source)
    if tree is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<reply>", "exec", dont_inherit=True)
    except UNUSABLE:
        return None
    return tree


def does_something(node: ast.stmt) -> bool:
    """Words, numbers and tuples of them parse as Python too, but are prose or data."""
    return not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call | ast.Await)
