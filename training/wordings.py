"""Other wordings of the request templates, so that the model learns the requests and not their letters.

Keys are the fixed sentences of ``atlas/search/prompts/*.j2``; a test checks that no sentence of a template is missing.
"""

from __future__ import annotations

from random import Random
from typing import Final

WORDINGS: Final[dict[str, tuple[str, ...]]] = {
    "Write a Python function.": (
        "Implement this Python function.",
        "Write a function in Python.",
        "Please write one Python function.",
        "Your task is to write a Python function.",
        "Solve this problem with a Python function.",
    ),
    "Write a Python program that reads standard input and prints the answer.": (
        "Write a Python script that reads stdin and prints the answer.",
        "Implement a Python program: it reads standard input and prints the answer.",
        "Please write a Python program that reads its input and prints the result.",
        "Solve this problem with a Python program that reads standard input.",
    ),
    "Reply with the code only, in one Python block.": (
        "Answer with one Python block and nothing else.",
        "Give only the code, in a single Python block.",
        "Return just the code in a Python block.",
        "Only the code, please, in one Python block.",
    ),
    "Work out what this function returns for each call.": (
        "Find the return value of this function for each call.",
        "For each call, determine what the function returns.",
        "What does this function return for these calls?",
    ),
    "Work out what this program prints for each input.": (
        "Find the output of this program for each input.",
        "For each input, determine what the program prints.",
        "What does this program print for these inputs?",
    ),
    "Reply with one assert for each call, in one Python block.": (
        "Answer with an assert for each call, in a single Python block.",
        "Give one assert a call in one Python block.",
        "Write one assert for every call, all in one Python block.",
    ),
    "Reply with the output for each test input, each in its own block.": (
        "Answer with the output of each test input, one block each.",
        "Give each test input's output in a block of its own.",
        "Write the outputs in order, each in its own block.",
    ),
    "Write test calls for this function.": (
        "Propose calls that test this function.",
        "Think of test calls for this function.",
    ),
    "Write test inputs for this program.": (
        "Propose inputs that test this program.",
        "Think of test inputs for this program.",
    ),
    "different calls, one on each line, in one Python block.": (
        "calls, all different, a line each, in a Python block.",
        "distinct calls in one Python block, one a line.",
    ),
    "different inputs, each in its own block.": (
        "inputs, all different, a block each.",
        "distinct inputs, one block for each.",
    ),
    "This Python function is wrong. Correct it.": (
        "Fix this Python function.",
        "The Python function below has a bug. Repair it.",
        "This function fails a test. Correct it.",
        "Find and fix the mistake in this Python function.",
    ),
    "This Python program is wrong. Correct it.": (
        "Fix this Python program.",
        "The Python program below has a bug. Repair it.",
        "This program fails a test. Correct it.",
        "Find and fix the mistake in this Python program.",
    ),
    "Reply with the whole corrected code only, in one Python block.": (
        "Answer with the corrected code in one Python block and nothing else.",
        "Give only the whole fixed code, in a single Python block.",
        "Return just the repaired code in a Python block.",
    ),
    "Wrong code:": ("Code:", "The code:", "Current code:", "Faulty code:"),
    "Signature:": ("Function signature:", "Use this signature:", "The signature is"),
    "Examples:": ("Some examples:", "For example:", "Example cases:", "Sample cases:"),
    "Calls:": ("The calls:", "These calls:"),
    "For this input:": ("With the input:", "Given this input:"),
    "it printed:": ("the program printed:", "it wrote:"),
    "but this is expected:": ("but it should print:", "while the expected output is:"),
    "is expected.": ("was expected.", "is right.", "is the expected value."),
    "Reply with": ("Answer with", "Give", "Write"),
}


def reword(prompt: str, rng: Random, keep: float = 0.5) -> str:
    """``prompt`` with some of its fixed sentences replaced; each is kept with probability ``keep``."""
    for sentence, others in WORDINGS.items():
        if sentence in prompt and rng.random() > keep:
            prompt = prompt.replace(sentence, rng.choice(others))
    return prompt
