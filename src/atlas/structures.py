"""Linked lists and binary trees as LeetCode writes them: plain lists outside a program, objects inside.

A signature's annotations say where such values stand: ``ListNode``, ``TreeNode``, optional ones, and lists of them.
Examples, inputs and outputs stay plain lists (a tree level by level, None for a missing child), so that what crosses
the sandbox is plain exact data. The program itself gets an adapter at its end that makes objects of its arguments and
lists of its result; it runs in the box with the program that it surrounds.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, cast

from atlas.problem import FunctionProblem, Signature

Shape: TypeAlias = Literal["list", "tree"] | tuple[Literal["each"], "Shape"]
"""A linked list, a binary tree, or a list whose items have a shape. Plain values have none."""

LIST_NODE = """\
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
"""
TREE_NODE = """\
class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right
"""
_CLASSES = {"ListNode": LIST_NODE, "TreeNode": TREE_NODE}
_LEAVES: dict[str, Shape] = {"ListNode": "list", "TreeNode": "tree"}
_SEQUENCES = {"list", "List", "Sequence", "Iterable"}
_TYPING = "Any Callable Deque Dict FrozenSet Iterable List Optional Sequence Set Tuple Union".split()

_MARK = "# Lists in, lists out: how the examples write linked lists and trees."


def shape_of(annotation: str) -> Shape | None:
    """The shape that an annotation asks for; None for plain values and for what is not understood."""
    try:
        return _shape(ast.parse(annotation, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _shape(node: ast.expr) -> Shape | None:
    match node:
        case ast.Constant(value=str(text)):
            return _shape(ast.parse(text, mode="eval").body)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _LEAVES.get(name)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _shape(left) or _shape(right)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            if name in {"Optional", "Union"}:
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return next((found for found in map(_shape, parts) if found), None)
            item = _shape(inner) if name in _SEQUENCES else None
            return None if item is None else ("each", item)
        case _:
            return None


def shapes(signature: Signature) -> tuple[Shape | None, ...]:
    """The shape of every parameter."""
    return tuple(shape_of(p.annotation) for p in signature.parameters)


def prelude(signature: Signature) -> str:
    """What a statement with this signature gives: imports that its annotations need, and the nodes' classes."""
    annotations = [*(p.annotation for p in signature.parameters), signature.returns]
    names = {name for annotation in annotations for name in _names(annotation)}
    typing = [name for name in _TYPING if name in names]
    parts = [f"from typing import {', '.join(typing)}\n"] if typing else []
    return "\n\n".join([*parts, *(source for name, source in _CLASSES.items() if name in names)])


def _names(annotation: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(annotation, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    inside = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return {n.id for n in nodes if isinstance(n, ast.Name)}.union(*map(_names, inside))


def given(problem: FunctionProblem) -> str:
    """The prelude that stands in front of every program: the statement's own and the classes that it leaves out."""
    used = [p.annotation for p in problem.signature.parameters] + [problem.signature.returns]
    missing = [
        source
        for name, source in _CLASSES.items()
        if any(name in _names(a) for a in used) and f"class {name}" not in problem.prelude
    ]
    return "\n\n".join([*missing, problem.prelude]) if missing else problem.prelude


def adapter(signature: Signature) -> str:
    """Source that goes behind a program so that its function takes and returns plain lists; empty if it does so.

    A function that is annotated to return None works in place: its first argument is the result then. A number in
    place of a node means the node of that value in an earlier argument, and a node that is returned is its value then
    (None where there is none).
    """
    taken = shapes(signature)
    returned = shape_of(signature.returns)
    in_place = signature.returns == "None" and bool(taken)
    if not any(taken) and returned is None and not in_place:
        return ""
    settings = f"{signature.name!r}, {taken!r}, {returned!r}, {in_place!r}"
    return f"{_MARK}\n{_ADAPTER}\n{signature.name} = _atlas_adapted({settings})\n"


def without_adapter(code: str) -> str:
    """A program as its reader wants it: what ``adapter`` added is taken off."""
    return code.partition(_MARK)[0].rstrip() + "\n" if _MARK in code else code


# The name is bound to the bare function for the time of a call, so that recursion does not pass through here.
_ADAPTER = """\
def _atlas_adapted(name, taken, returned, in_place):
    function, longest, found_by_value = globals()[name], 100_000, []

    def linked(values):
        before = first = None
        for value in values:
            node = ListNode(value)
            if before is None:
                first = node
            else:
                before.next = node
            before = node
        return first

    def tree(values):
        rest = iter(values)
        value = next(rest, None)
        root = None if value is None else TreeNode(value)
        queue = [] if root is None else [root]
        for node in queue:
            for side in ("left", "right"):
                value = next(rest, None)
                if value is not None:
                    setattr(node, side, TreeNode(value))
                    queue.append(getattr(node, side))
        return root

    def nodes(root):
        queue = [root]
        for node in queue:
            if node is not None:
                yield node
                queue += [getattr(node, side) for side in ("next", "left", "right") if hasattr(node, side)]

    def into(shape, value, earlier):
        if shape is None or value is None:
            return value
        if isinstance(shape, tuple):
            return [into(shape[1], item, earlier) for item in value]
        if isinstance(value, (list, tuple)):
            return linked(value) if shape == "list" else tree(value)
        found_by_value.append(value)
        for node in (node for root in earlier for node in nodes(root)):
            if node.val == value:
                return node
        raise ValueError(f"no node has the value {value!r}")

    def out(shape, value):
        if shape is None:
            return value
        if isinstance(shape, tuple):
            return [out(shape[1], item) for item in value]
        kind = ListNode if shape == "list" else TreeNode
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"a {kind.__name__} is expected, not {type(value).__name__}")
        if found_by_value:
            return None if value is None else value.val
        return values_of(value) if shape == "list" else levels(value)

    def values_of(node):
        values = []
        while node is not None:
            if len(values) == longest:
                raise ValueError("the linked list has no end")
            values.append(node.val)
            node = node.next
        return values

    def levels(root):
        queue, values = [root], []
        for node in queue:
            if len(values) == longest:
                raise ValueError("the tree has no end")
            values.append(None if node is None else node.val)
            if node is not None:
                queue += (node.left, node.right)
        while values and values[-1] is None:
            values.pop()
        return values

    def adapted(*values):
        found_by_value.clear()
        arguments = []
        for place, value in enumerate(values):
            shape = taken[place] if place < len(taken) else None
            roots = [a for a, s in zip(arguments, taken) if s in ("list", "tree")]
            arguments.append(into(shape, value, roots))
        globals()[name] = function
        try:
            result = function(*arguments)
        finally:
            globals()[name] = adapted
        if in_place and result is None and arguments:
            return out(taken[0], arguments[0])
        return out(returned, result)

    return adapted

"""


def canonical(shape: Shape | None, value: Any) -> Any:
    """A plain value in the one form that stands for its structure.

    Of a tree's levels what hangs on no node is dropped, and so are Nones at the end; a linked list holds no None.
    Values that are no lists are left as they are.
    """
    if shape is None or not isinstance(value, list):
        return value
    items = cast("list[Any]", value)
    if isinstance(shape, tuple):
        return [canonical(shape[1], item) for item in items]
    if shape == "list":
        return [item for item in items if item is not None]
    return _levels(items)


def _levels(items: Sequence[Any]) -> list[Any]:
    kept: list[Any] = []
    places = 1  # children's places that the nodes so far have opened
    for item in items:
        if places == 0:
            break
        places += -1 if item is None else 1
        kept.append(item)
    while kept and kept[-1] is None:
        kept.pop()
    return kept
