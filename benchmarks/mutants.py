"""Programs that are almost right: one small change to the syntax tree of a right one."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from random import Random

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def mutants(code: str, count: int, seed: int) -> list[str]:
    """Return up to ``count`` programs, none the same as ``code`` or another, each with one change.

    Every place that can be changed is as likely as any other; the same seed gives the same programs.
    """
    tree, rng = ast.parse(code), Random(seed)
    known = {ast.unparse(tree)}
    changes = list(_changes(tree))
    rng.shuffle(changes)
    out: list[str] = []
    for index, change in changes:
        made = copy.deepcopy(tree)
        change(list(ast.walk(made))[index], rng)
        text = ast.unparse(ast.fix_missing_locations(made))
        if text not in known:
            known.add(text)
            out.append(text)
        if len(out) == count:
            break
    return out


_Change = Callable[[ast.AST, Random], None]


def _changes(tree: ast.AST) -> Iterator[tuple[int, _Change]]:
    """Yield the places of a tree, counted as ``ast.walk`` goes, with what can be done there."""
    for index, node in enumerate(ast.walk(tree)):
        match node:
            case ast.BinOp(op=op) if isinstance(op, _ARITHMETIC):
                yield index, _swap_operator
            case ast.Compare(ops=[op, *_]) if isinstance(op, _COMPARISONS):
                yield index, _flip_comparison
                yield index, _flip_comparison
            case ast.BoolOp():
                yield index, _swap_and_or
            case ast.Constant(value=bool()):
                yield index, _negate
            case ast.Constant(value=int()):
                yield index, _off_by_one
                yield index, _off_by_one
            case ast.If() | ast.While() | ast.IfExp():
                yield index, _negate_test
            case ast.Return(value=ast.expr()):
                yield index, _change_return
            case ast.FunctionDef() if len(node.body) > 1:
                yield index, _drop_statement
            case ast.For() if len(node.body) > 1:
                yield index, _drop_statement
            case _:
                continue


def _swap_operator(node: ast.AST, rng: Random) -> None:
    assert isinstance(node, ast.BinOp)
    node.op = rng.choice([kind for kind in _ARITHMETIC if not isinstance(node.op, kind)])()


def _flip_comparison(node: ast.AST, rng: Random) -> None:
    assert isinstance(node, ast.Compare)
    node.ops[0] = rng.choice([kind for kind in _COMPARISONS if not isinstance(node.ops[0], kind)])()


def _swap_and_or(node: ast.AST, _: Random) -> None:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _negate(node: ast.AST, _: Random) -> None:
    assert isinstance(node, ast.Constant)
    node.value = not node.value


def _off_by_one(node: ast.AST, rng: Random) -> None:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int)
    node.value += rng.choice((-1, 1))


def _negate_test(node: ast.AST, _: Random) -> None:
    assert isinstance(node, (ast.If, ast.While, ast.IfExp))
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _change_return(node: ast.AST, rng: Random) -> None:
    assert isinstance(node, ast.Return)
    assert node.value is not None
    other = rng.choice(("None", "({})", "not ({})", "[{}]", "({},)", "str({})", "int({})", "float({})", "list({})"))
    node.value = ast.parse(other.format(ast.unparse(node.value)), mode="eval").body


def _drop_statement(node: ast.AST, rng: Random) -> None:
    assert isinstance(node, (ast.FunctionDef, ast.For))
    # What remains may be a docstring alone, which is a program as well.
    del node.body[rng.randrange(len(node.body))]
