"""Reads a statement that a person typed or pasted into a Problem: signature and examples are found in the text.

A ``def name(...)``, alone or as the method of a ``class Solution``, makes it a function problem; otherwise it is a
program that reads standard input. What was recognised is taken out of the statement, because every request shows it
in its own place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Final

from atlas import leetcode, structures
from atlas.compare import codec
from atlas.errors import UsageError
from atlas.problem import Call, Example, FunctionProblem, Parameter, Problem, Signature, Stdin, StdinProblem

MAX_CHARACTERS: Final = 100_000

_DEF = re.compile(r"(?:^|(?<=\s)|(?<=`))def\s+(?!__init__\b)\w+\s*\(")
_RETURNS = re.compile(r"(?:\s*->\s*[^:\n`]+)?[ \t]*:?")
_LONGEST_SIGNATURE = 2_000
_LABEL = re.compile(r"^[ \t]*(?:function )?signature[ \t]*(?::[ \t]*)?$", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(r"^\s*(?:some )?examples?(?: cases?)?\s*(?::\s*)?$", re.IGNORECASE)
_LEAD = re.compile(r"^\s*(?:[-*]\s+|>>>\s*|assert\s+)?`?")
_INPUT, _OUTPUT = (
    re.compile(rf"[ \t]*(?:sample |example )?{label}[ \t]*(?:\d+[ \t]*)?:[ \t]*", re.IGNORECASE)
    for label in ("input", "output")
)
_BLOCK_END = re.compile(r"[ \t]*(?:$|(?:sample |example )?input)", re.IGNORECASE)


def read_statement(text: str, *, id: str = "problem") -> Problem:
    """The problem that ``text`` states.

    Raises:
        UsageError: it is empty, far too long, or its signature cannot be read or does not close.
    """
    text = text.strip()
    if not text:
        raise UsageError("The statement is empty: say what the program should do.")
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"The statement has {len(text)} characters; at most {MAX_CHARACTERS} are taken.")
    if (method := leetcode.in_class(text)) is not None:
        signature, text = _method(*method)
    elif (place := _find_signature(text)) is not None:
        signature = read_signature(text[place])
        if signature.parameters[:1] == (Parameter("self"),):
            raise UsageError("The statement asks for a class; only functions, class Solution and programs are taken.")
        before = re.sub(r"signature:\s*$", "", text[: place.start], flags=re.IGNORECASE)
        text = _LABEL.sub("", before + text[place.stop :])
    else:
        return _stdin(text, id)
    text, examples = _take_examples(text, signature.name)
    statement, more = leetcode.take_examples(text, signature)
    if not statement:
        raise UsageError("The statement has a signature but says nothing: say what the function should do.")
    return FunctionProblem(id, statement, signature, (*examples, *more), structures.prelude(signature))


def _method(before: str, body: str) -> tuple[Signature, str]:
    """The signature of a ``class Solution``'s method, and the text without it."""
    place = _find_signature(body)
    if place is None:
        raise UsageError("The class Solution has no method: paste it with its def line.")
    signature = leetcode.without_self(read_signature(body[place]))
    return signature, leetcode.tidy(before + body[: place.start] + leetcode.after_method(body[place.stop :]))


def _find_signature(text: str) -> slice | None:
    """Where the first ``def`` line stands, from ``def`` to its colon; parameters may have brackets and line breaks."""
    found = _DEF.search(text)
    if found is None:
        return None
    depth = 0
    for at in range(found.end() - 1, min(len(text), found.start() + _LONGEST_SIGNATURE)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0:
            rest = _RETURNS.match(text, at + 1)
            return slice(found.start(), rest.end() if rest else at + 1)
    raise UsageError(f"The signature's brackets do not close: {text[found.start() :][:100]}")


def read_signature(source: str) -> Signature:
    """A signature from its ``def`` line.

    Raises:
        UsageError: it is not valid Python, or takes anything but plain positional parameters.
    """
    try:
        node = ast.parse(source.strip().rstrip(":") + ": ...").body[0]
        if isinstance(node, ast.FunctionDef):
            return _signature(node)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"The signature cannot be read as Python: {source.strip()[:100]}") from error
    raise UsageError(f"The signature is not a function: {source.strip()[:100]}")


def _signature(node: ast.FunctionDef) -> Signature:
    """The signature of a definition, its annotations as text.

    Raises:
        UsageError: it takes anything but plain positional parameters.
        RecursionError: an annotation nests too deeply to be written.
    """
    if node.args.vararg or node.args.kwarg or node.args.kwonlyargs:
        raise UsageError("Only plain positional parameters can be tested: write the signature without * and **.")
    parameters = [
        Parameter(a.arg, ast.unparse(a.annotation) if a.annotation else "")
        for a in (*node.args.posonlyargs, *node.args.args)
    ]
    return Signature(node.name, tuple(parameters), ast.unparse(node.returns) if node.returns else "")


def _stdin(text: str, id: str) -> StdinProblem:
    kept, examples = _take_blocks(text.split("\n"))
    statement = "\n".join(line for line in kept if not (examples and _HEADING.match(line))).strip()
    return StdinProblem(id, statement or text, examples)


def _take_blocks(lines: list[str]) -> tuple[list[str], tuple[Example, ...]]:
    """The lines around blocks of ``Input:`` and ``Output:``, and the examples in those."""
    kept: list[str] = []
    examples: list[Example] = []
    at = 0
    while at < len(lines):
        if not _INPUT.fullmatch(lines[at]):
            kept.append(lines[at])
            at += 1
            continue
        told = _following(lines, at + 2, _OUTPUT.fullmatch)
        if told + 1 >= len(lines):
            break  # nor does an output follow any later input
        end = _following(lines, told + 2, _BLOCK_END.match)
        given, output = ("\n".join(part).strip("\n") + "\n" for part in (lines[at + 1 : told], lines[told + 1 : end]))
        examples.append(Example(Stdin(given), output))
        kept.append("")
        at = end
    return [*kept, *lines[at:]], tuple(examples)


def _following(lines: Sequence[str], first: int, fits: Callable[[str], object]) -> int:
    """The first line from ``first`` on that fits, or how many lines there are."""
    return next((place for place in range(first, len(lines)) if fits(lines[place])), len(lines))


def _take_examples(text: str, name: str) -> tuple[str, list[Example]]:
    kept: list[str] = []
    examples: list[Example] = []
    lines = text.split("\n")
    skip = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if skip:
            skip = False
            continue
        example = _example(line, name)
        if example is None and line.lstrip().startswith(">>>"):  # a doctest: the value stands on the next line
            example = _example(f"{line} == {following.strip()}", name)
            skip = example is not None
        if example is None:
            kept.append(line)
        else:
            examples.append(example)
    if examples:
        kept = [line for line in kept if not _HEADING.match(line)]
    return "\n".join(kept).strip(), examples


def _example(line: str, name: str) -> Example | None:
    """``name(args) == value`` (also ``->``, ``=>``, ``returns``) in literals; None for any other line."""
    source = _LEAD.sub("", line).strip().rstrip("`.,;")
    if not source.startswith(f"{name}("):
        return None
    source = re.sub(r"\)\s*(?:->|=>|returns)\s*", ") == ", source, count=1)
    try:
        node = ast.parse(source, mode="eval").body
        if not (isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.Is)):
            return None
        call = node.left
        if not isinstance(call, ast.Call) or call.keywords:
            return None
        args, output = tuple(ast.literal_eval(a) for a in call.args), ast.literal_eval(node.comparators[0])
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    # "f(...) == 3" is prose, though Python reads it.
    return Example(Call(args), output) if codec.is_plain((args, output)) else None
