"""Linked lists and trees: objects inside the box, plain lists outside."""

from __future__ import annotations

from typing import Any

import pytest

from atlas.problem import Call, FunctionProblem, Parameter, Signature
from atlas.sandbox import Observation, Sandbox
from atlas.sandbox.types import Status
from atlas.search.assemble import assemble
from atlas.structures import canonical, prelude, shape_of, without_adapter

in_its_loop = pytest.mark.asyncio(loop_scope="session")  # the sandbox's

LIST, TREE = "Optional[ListNode]", "Optional[TreeNode]"


def problem(name: str, parameters: dict[str, str], returns: str) -> FunctionProblem:
    signature = Signature(name, tuple(Parameter(n, a) for n, a in parameters.items()), returns)
    return FunctionProblem("test/structures", "Do it.", signature, prelude=prelude(signature))


async def run(sandbox: Sandbox, asked: FunctionProblem, code: str, *calls: tuple[Any, ...]) -> list[Observation]:
    return list(await sandbox.run(assemble(asked, code), [Call(args) for args in calls]))


REVERSE = problem("reverseList", {"head": LIST}, LIST)
LOOP = """def reverseList(head: Optional[ListNode]) -> Optional[ListNode]:
    last = None
    while head:
        head.next, last, head = last, head, head.next
    return last
"""
RECURSIVE = """def reverseList(head, last=None):
    return last if head is None else step(head, last)
def step(head, last):
    rest, head.next = head.next, last
    return reverseList(rest, last=head)
"""
OWN_CLASS = (
    """class ListNode:
    def __init__(self, x):
        self.val = x
        self.next = None
"""
    + LOOP
)
METHOD = (
    "class Solution:\n"
    + "".join(f"    {line}\n" for line in LOOP.replace("(head:", "(self, head:").splitlines())
    + "def reverseList(*args):\n    return Solution().reverseList(*args)\n"
)


@pytest.mark.parametrize("code", [LOOP, RECURSIVE, OWN_CLASS, METHOD], ids=["loop", "recursive", "class", "method"])
@in_its_loop
async def test_a_linked_list_in_and_out(sandbox: Sandbox, code: str) -> None:
    seen = await run(sandbox, REVERSE, code, ([1, 2, 3],), ([],), (None,), ([7],))
    assert [o.value for o in seen] == [[3, 2, 1], [], [], [7]]


@in_its_loop
async def test_what_is_no_list_or_has_no_end_is_the_programs_error(sandbox: Sandbox) -> None:
    cycle = "def reverseList(head):\n    head.next = head\n    return head\n"
    (seen,) = await run(sandbox, REVERSE, cycle, ([1, 2],))
    assert seen.status is Status.EXCEPTION
    assert "no end" in seen.error
    (seen,) = await run(sandbox, REVERSE, "def reverseList(head):\n    return [1]\n", ([1, 2],))
    assert "a ListNode is expected, not list" in seen.error


@in_its_loop
async def test_a_tree_level_by_level(sandbox: Sandbox) -> None:
    asked = problem("invert", {"root": TREE}, TREE)
    code = (
        "def invert(root):\n    if root:\n"
        "        root.left, root.right = invert(root.right), invert(root.left)\n    return root\n"
    )
    seen = await run(sandbox, asked, code, ([4, 2, 7, 1, None, 6],), ([1, None, 2, 3],), ([],))
    assert [o.value for o in seen] == [[4, 7, 2, None, 6, None, 1], [1, 2, None, None, 3], []]


@in_its_loop
async def test_a_tree_without_end_is_the_programs_error(sandbox: Sandbox) -> None:
    asked = problem("knot", {"root": TREE}, TREE)
    (seen,) = await run(sandbox, asked, "def knot(root):\n    root.left = root\n    return root\n", ([1],))
    assert seen.status is Status.EXCEPTION
    assert "no end" in seen.error


@in_its_loop
async def test_lists_of_linked_lists(sandbox: Sandbox) -> None:
    asked = problem("swap", {"lists": f"List[{LIST}]"}, f"List[{LIST}]")
    seen = await run(sandbox, asked, "def swap(lists: List[ListNode]):\n    return lists[::-1]\n", ([[1, 4], [], [2]],))
    assert seen[0].value == [[2], [], [1, 4]]


@in_its_loop
async def test_a_plain_result_of_a_tree(sandbox: Sandbox) -> None:
    asked = problem("depth", {"root": "TreeNode | None"}, "int")
    code = "def depth(root):\n    return 1 + max(depth(root.left), depth(root.right)) if root else 0\n"
    seen = await run(sandbox, asked, code, ([3, 9, 20, None, None, 15, 7],), ([],))
    assert [o.value for o in seen] == [3, 0]


@in_its_loop
async def test_recursion_is_as_deep_as_without_the_adapter(sandbox: Sandbox) -> None:
    asked = problem("length", {"head": LIST}, "int")
    code = "def length(head):\n    return 1 + length(head.next) if head else 0\n"
    (seen,) = await run(sandbox, asked, code, ([0] * 900,))
    assert seen.value == 900


@in_its_loop
async def test_work_in_place(sandbox: Sandbox) -> None:
    rotate = problem("rotate", {"nums": "List[int]", "k": "int"}, "None")
    code = "def rotate(nums, k):\n    nums[:] = nums[-k:] + nums[:-k]\n"
    (seen,) = await run(sandbox, rotate, code, ([1, 2, 3], 1))
    assert seen.value == [3, 1, 2]
    drop = problem("drop", {"head": LIST}, "None")
    (seen,) = await run(sandbox, drop, "def drop(head):\n    head.next = head.next.next\n", ([1, 2, 3],))
    assert seen.value == [1, 3]


@in_its_loop
async def test_a_node_named_by_its_value(sandbox: Sandbox) -> None:
    asked = problem("ancestor", {"root": "'TreeNode'", "p": "'TreeNode'", "q": "'TreeNode'"}, "'TreeNode'")
    code = """def ancestor(root, p, q):
    if root in (None, p, q):
        return root
    left, right = ancestor(root.left, p, q), ancestor(root.right, p, q)
    return root if left and right else left or right
"""
    seen = await run(sandbox, asked, code, ([3, 5, 1, 6, 2, 0, 8], 5, 1), ([3, 5, 1, 6, 2, 0, 8], 6, 2), ([3], 3, 9))
    assert [o.value for o in seen[:2]] == [3, 5]
    assert "no node has the value 9" in seen[2].error


@in_its_loop
async def test_no_node_where_one_is_named_by_its_value(sandbox: Sandbox) -> None:
    asked = problem("successor", {"root": "TreeNode", "p": "TreeNode"}, TREE)
    code = """def successor(root, p):
    found = None
    while root:
        root, found = (root.left, root) if p.val < root.val else (root.right, found)
    return found
"""
    seen = await run(sandbox, asked, code, ([2, 1, 3], 1), ([2, 1, 3], 3))
    assert [o.value for o in seen] == [2, None]


def test_the_adapter_can_be_taken_off_and_plain_functions_have_none() -> None:
    whole = assemble(REVERSE, LOOP).code
    assert without_adapter(whole).endswith(LOOP)
    assert without_adapter(LOOP) == LOOP
    plain = problem("f", {"x": "int"}, "int")
    assert assemble(plain, "def f(x):\n    return x\n").code == "def f(x):\n    return x\n"


def test_classes_are_given_where_the_statement_leaves_them_out() -> None:
    bare = FunctionProblem("t", "Do it.", REVERSE.signature)
    assert assemble(bare, LOOP).code.count("class ListNode") == 1
    assert assemble(REVERSE, OWN_CLASS).code.count("class ListNode") == 1


@pytest.mark.parametrize(
    ("annotation", "shape"),
    [
        ("ListNode", "list"),
        ("Optional[ListNode]", "list"),
        ("'ListNode | None'", "list"),
        ("Union[TreeNode, None]", "tree"),
        ("List[Optional[TreeNode]]", ("each", "tree")),
        ("list[list[ListNode]]", ("each", ("each", "list"))),
        ("List[int]", None),
        ("dict[str, ListNode]", None),
        ("", None),
        ("(((", None),
    ],
)
def test_shapes_from_annotations(annotation: str, shape: Any) -> None:
    assert shape_of(annotation) == shape


def test_the_canonical_form() -> None:
    assert canonical("tree", [1, None, 2, None, None, 5]) == [1, None, 2]
    assert canonical("tree", [None, 1]) == []
    assert canonical("list", [1, None, 2]) == [1, 2]
    assert canonical(("each", "tree"), [[1, None], [None]]) == [[1], []]
    assert canonical("tree", 5) == 5
    assert canonical(None, [None]) == [None]
