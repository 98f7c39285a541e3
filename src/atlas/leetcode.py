"""Problems as LeetCode shows them: a ``class Solution`` with one method, ``Input:`` and ``Output:`` lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from atlas.compare import codec
from atlas.problem import Call, Example, Signature, Value

_CLASS = re.compile(r"^[ \t]*class\s+Solution\b[^\n:]*:[ \t]*\n", re.MULTILINE)
_DEFINITION = re.compile(r"^[ \t]*#[ \t]*Definition for[^\n]*\n(?:[ \t]*#[^\n]*\n)*", re.MULTILINE)
_EMPTY_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*\n\s*```[ \t]*$", re.MULTILINE)
_DOCSTRING = re.compile(r"\s*(\"\"\"|''')(?P<text>.*?)\1", re.DOTALL)
_INPUT, _OUTPUT = (
    re.compile(rf"^[ \t]*[*_]*{label}[*_]*:[*_]*\s*(?=\S)", re.MULTILINE) for label in ("Input", "Output")
)
_END = re.compile(r"\n[ \t]*(?:[*_#]*(?:Explanation|Example|Constraints|Input|Note|Follow)|\n)")
_TITLE = re.compile(r"(?:^|\n)[ \t]*(?:[*_#]+[ \t]*)?Example[ \t]*(?:\d+[ \t]*)?[:*_]*\Z")
_LONGEST_TITLE = 200
_EXPLANATION = re.compile(r"\s*[*_]*Explanation[*_]*:[*_]*")
_CONSTANTS = {"true": True, "false": False, "null": None}
_UNUSABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)


def in_class(text: str) -> tuple[str, str] | None:
    """The text before a ``class Solution`` and the one from its body on; None where there is no such class.

    Comments that define nodes' classes, which LeetCode shows above it, are dropped: the prelude has the classes.
    """
    found = _CLASS.search(text)
    if found is None:
        return None
    before = _DEFINITION.sub("", text[: found.start()])
    return before, text[found.end() :]


def without_self(signature: Signature) -> Signature:
    """The method's signature as that of a function."""
    own = signature.parameters[1:] if signature.parameters and signature.parameters[0].name == "self" else None
    return signature if own is None else Signature(signature.name, own, signature.returns)


def after_method(text: str) -> str:
    """What follows a method's ``def`` line, without fences around nothing; a docstring's text is kept bare."""
    docstring = _DOCSTRING.match(text)
    if docstring is not None:
        text = f"\n{docstring['text'].strip()}\n{text[docstring.end() :]}"
    return text


def tidy(text: str) -> str:
    """The statement without fences that hold nothing any more, and without rows of blank lines."""
    lines = (line.rstrip(" \t") for line in _EMPTY_FENCE.sub("", text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def take_examples(text: str, signature: Signature) -> tuple[str, list[Example]]:
    """The text without the examples that can be read, and those. Explanations stay, named by their example."""
    examples: list[Example] = []
    kept: list[str] = []
    at = 0
    for start, given, output, end in _shown(text):
        example = _example(given, output, signature)
        if example is None:
            continue
        examples.append(example)
        kept.append(_without_title(text[at:start]))
        at = end
        if explained := _EXPLANATION.match(text, at):
            kept.append(f"Explanation of example {len(examples)}:")
            at = explained.end()
    return (tidy("".join([*kept, text[at:]])) if examples else text), examples


def _shown(text: str) -> Iterator[tuple[int, str, str, int]]:
    """Each pair of an input and the output after it: where it starts, both texts, where it ends."""
    at = 0
    while (given := _INPUT.search(text, at)) and (told := _OUTPUT.search(text, given.end())):
        ended = _END.search(text, told.end())
        at = ended.start() if ended else len(text)
        yield given.start(), text[given.end() : told.start()], text[told.end() : at], at


def _without_title(text: str) -> str:
    """``text`` without the ``Example 1:`` at its end."""
    bare = text.rstrip()
    title = _TITLE.search(bare, max(0, len(bare) - _LONGEST_TITLE))
    return text if title is None else bare[: title.start()] + "\n"


def _example(given: str, output: str, signature: Signature) -> Example | None:
    """``nums = [2,7], target = 9`` and ``[0,1]`` in literals, with or without the parameters' names."""
    try:
        call = _expression(f"_({_bare(given)})")
        if not isinstance(call, ast.Call):
            return None
        named = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
        plain = [ast.literal_eval(a) for a in call.args]
        value = ast.literal_eval(_expression(_bare(output)))
    except _UNUSABLE:
        return None
    arguments = _in_order(plain, named, signature)
    if arguments is None or not codec.is_plain((arguments, value)):
        return None
    return Example(Call(arguments), value)


def _bare(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def _expression(text: str) -> ast.expr:
    return _Constants().visit(ast.parse(text, mode="eval")).body


class _Constants(ast.NodeTransformer):
    """JSON's constants as Python's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_CONSTANTS[node.id]) if node.id in _CONSTANTS else node


def _in_order(plain: list[Value], named: dict[str | None, Value], signature: Signature) -> tuple[Value, ...] | None:
    names = [p.name for p in signature.parameters]
    if not named and len(plain) == len(names):
        return tuple(plain)
    if plain or named.keys() != set(names):
        return None
    return tuple(named[name] for name in names)
