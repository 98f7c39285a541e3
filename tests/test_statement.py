"""A pasted statement becomes a problem."""

import pytest

from atlas.errors import UsageError
from atlas.problem import Call, Example, FunctionProblem, Stdin, StdinProblem
from atlas.statement import read_statement


def test_function_with_examples_in_several_notations() -> None:
    problem = read_statement(
        "Add up the even numbers.\n\nSignature: def total(xs: list[int], start: int = 0) -> int:\n"
        "Examples:\ntotal([1, 2]) == 2\n- `total([4]) -> 4`\n>>> total([6, 1])\n6\nassert total([]) == 0\n"
    )
    assert isinstance(problem, FunctionProblem)
    assert problem.statement == "Add up the even numbers."
    assert str(problem.signature) == "def total(xs: list[int], start: int) -> int:"
    assert [(e.input, e.output) for e in problem.examples] == [
        (Call(([1, 2],)), 2),
        (Call(([4],)), 4),
        (Call(([6, 1],)), 6),
        (Call(([],)), 0),
    ]


def test_signature_on_one_line_with_the_statement() -> None:
    problem = read_statement("Reverse the text. def flip(s: str) -> str:")
    assert isinstance(problem, FunctionProblem)
    assert problem.statement == "Reverse the text."
    assert problem.signature.returns == "str"


@pytest.mark.parametrize(
    "signature",
    [
        "def flip(s: str, n: int = (1 + 2)) -> str:",
        "def flip(\n    s: str,\n    n: int = 3,\n) -> str:",
        "`def flip(s: str, n: int) -> str`",
    ],
)
def test_signatures_with_brackets_and_line_breaks(signature: str) -> None:
    problem = read_statement(f"Reverse the text n times.\n{signature}\nflip('ab', 1) == 'ba'")
    assert isinstance(problem, FunctionProblem)
    assert str(problem.signature) == "def flip(s: str, n: int) -> str:"
    assert problem.statement.startswith("Reverse the text n times.")
    assert [e.output for e in problem.examples] == ["ba"]


def test_program_with_sample_blocks() -> None:
    problem = read_statement("Print the sum.\nExample:\nInput:\n1 2\nOutput:\n3\n\nInput:\n4 4\nOutput:\n8")
    assert isinstance(problem, StdinProblem)
    assert problem.statement == "Print the sum."
    assert problem.examples == (Example(Stdin("1 2\n"), "3\n"), Example(Stdin("4 4\n"), "8\n"))


def test_lines_that_only_look_like_examples_stay_in_the_statement() -> None:
    text = "f(open('/etc/passwd')) == 1 is not an example.\nf(x) == 2\nf(...) == 3\nf(1) == ..."
    problem = read_statement(f"def f(x: int) -> int:\n{text}")
    assert isinstance(problem, FunctionProblem)
    assert problem.examples == ()
    assert "passwd" in problem.statement


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("x" * 100_001, "at most"),
        ("def f(*xs):\nSum them.", "positional"),
        ("def f(x: ][) -> int: do it", "cannot be read"),
        ("Do it.\ndef f(x: " + "a|" * 900 + "a) -> int:", "cannot be read"),
        ("def f(x: int) -> int:", "says nothing"),
        ("Sum them: def f(xs, (", "do not close"),
    ],
)
def test_unusable_statements_are_one_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_statement(text)


LEETCODE = """\
You are given the `head` of a linked list and a number `n`. Remove the n-th node from its end.

**Example 1:**

**Input:** head = [1,2,3,4,5], n = 2
**Output:** [1,2,3,5]
**Explanation:** The fourth node is gone.

Example 2:
Input: head = [1], n = 1
Output: []

Constraints:
- The list has between 1 and 30 nodes.

```python
# Definition for singly-linked list.
# class ListNode:
#     def __init__(self, val=0, next=None):
#         self.val = val
#         self.next = next
class Solution:
    def removeNthFromEnd(self, head: Optional[ListNode], n: int) -> Optional[ListNode]:
```
"""


def test_a_pasted_leetcode_problem() -> None:
    problem = read_statement(LEETCODE)
    assert isinstance(problem, FunctionProblem)
    assert str(problem.signature) == "def removeNthFromEnd(head: Optional[ListNode], n: int) -> Optional[ListNode]:"
    assert problem.examples == (
        Example(Call(([1, 2, 3, 4, 5], 2)), [1, 2, 3, 5]),
        Example(Call(([1], 1)), []),
    )
    assert problem.statement == (
        "You are given the `head` of a linked list and a number `n`. Remove the n-th node from its end.\n\n"
        "Explanation of example 1: The fourth node is gone.\n\n"
        "Constraints:\n- The list has between 1 and 30 nodes."
    )
    assert problem.prelude.startswith("from typing import Optional\n\n\nclass ListNode:")


@pytest.mark.parametrize(
    ("shown", "args", "output"),
    [
        ("Input: nums = [2,7], target = 9\nOutput: [0,1]", ([2, 7], 9), [0, 1]),
        ("Input: target = 9, nums = [2,7]\nOutput: [0,1]", ([2, 7], 9), [0, 1]),
        ("Input: [2,7], 9\nOutput: true", ([2, 7], 9), True),
        ("Input:\nnums = [1,null,3]\n, target = -1\nOutput:\n2.50000\n", ([1, None, 3], -1), 2.5),
        ('Input: `nums = []`, `target = "a"`\nOutput: "b"\nExplanation: none.', ([], "a"), "b"),
    ],
)
def test_leetcode_examples(shown: str, args: tuple[object, ...], output: object) -> None:
    problem = read_statement(f"Find it.\n\ndef find(nums: List[int], target: int) -> List[int]:\n\n{shown}")
    assert isinstance(problem, FunctionProblem)
    assert problem.examples == (Example(Call(args), output),)
    assert problem.prelude == "from typing import List\n"


@pytest.mark.parametrize(
    "shown",
    [
        "Input: nums = [3,2]\nOutput: [0,1]",
        "Input: other = [2,7], target = 9\nOutput: [0,1]",
        "Input: nums = [2], target = open('x')\nOutput: 1",
        "Input: nums = [2], target = 3\nOutput: 2, nums = [2,_]",
        "Input: ), (, [\nOutput: ]",
    ],
)
def test_what_does_not_fit_the_signature_stays_in_the_statement(shown: str) -> None:
    problem = read_statement(f"Find it.\n\ndef find(nums: List[int], target: int) -> List[int]:\n\n{shown}")
    assert isinstance(problem, FunctionProblem)
    assert problem.examples == ()
    assert "Output" in problem.statement


def test_a_tree_whose_class_stands_in_the_statement() -> None:
    text = "class TreeNode:\n    def __init__(self, val=0):\n        self.val = val\n\nCount the nodes."
    problem = read_statement(f"{text}\ndef count(root: 'TreeNode') -> int:\nInput: root = [1,null,2]\nOutput: 2")
    assert isinstance(problem, FunctionProblem)
    assert problem.signature.name == "count"
    assert problem.examples == (Example(Call(([1, None, 2],)), 2),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Design a stack.\nclass MinStack:\n    def push(self, x: int) -> None:\n", "asks for a class"),
        ("Do it.\nclass Solution:\n    pass\n", "no method"),
    ],
)
def test_classes_that_are_no_function(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_statement(text)
