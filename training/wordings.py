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
    "Say what matters for solving this problem.": (
        "What has to be seen to solve this problem?",
        "List what is important about this problem.",
        "Note what you observe about this problem.",
    ),
    "Reply with a list of short observations, one on each line, no code.": (
        "Answer with short observations in a list, without code.",
        "Give a list of brief observations, a line each, and no code.",
    ),
    "Plan how to solve this problem.": (
        "Make a plan for solving this problem.",
        "How would you solve this problem? Plan it.",
        "Write a plan for this problem.",
    ),
    "Reply with a numbered list of steps, no code.": (
        "Answer with numbered steps and without code.",
        "Give the steps as a numbered list, and no code.",
        "Number the steps; do not write code.",
    ),
    "Say this problem again in other words.": (
        "Restate this problem in your own words.",
        "Rephrase this problem.",
        "Put this problem in other words.",
    ),
    "Reply with the restated problem only, no code.": (
        "Answer with the new wording alone, without code.",
        "Give just the rephrased problem and no code.",
    ),
    "Split this problem into smaller parts.": (
        "Break this problem down into parts.",
        "Divide this problem into smaller problems.",
    ),
    "Reply with a list of the parts, one on each line, no code.": (
        "Answer with the parts in a list, without code.",
        "Give a list of parts, a line each, and no code.",
    ),
    "Find calls for which these two functions give different results.": (
        "On which calls do these two functions differ?",
        "Propose calls that tell these two functions apart.",
    ),
    "Find inputs for which these two programs print different results.": (
        "On which inputs do these two programs differ?",
        "Propose inputs that tell these two programs apart.",
    ),
    "First code:": ("Code A:", "One version:"),
    "Second code:": ("Code B:", "Another version:"),
    "This Python function is wrong. Say why.": (
        "What is wrong with this Python function?",
        "Explain the mistake in this Python function.",
    ),
    "This Python program is wrong. Say why.": (
        "What is wrong with this Python program?",
        "Explain the mistake in this Python program.",
    ),
    "Compare the code with the problem, step by step.": (
        "Hold the code against the problem, one step after the other.",
        "Go through the problem step by step and compare the code.",
    ),
    "Follow the failing input through the code.": (
        "Run the code on the failing input in your head.",
        "Trace the failing input.",
    ),
    "Check empty inputs, limits and the form of the result.": (
        "Look at edge cases and at the form of the result.",
        "Look at empty and extreme inputs and at what is returned.",
    ),
    "Reply with what is wrong in one or two sentences, no code.": (
        "Answer with one or two sentences about the mistake, without code.",
        "Give the mistake in a sentence or two, and no code.",
    ),
    "Earlier attempts at this Python function failed. Write a correct one.": (
        "The attempts below at this Python function are wrong. Write it correctly.",
        "This Python function was tried before and failed. Write it right.",
    ),
    "Earlier attempts at this Python program failed. Write a correct one.": (
        "The attempts below at this Python program are wrong. Write it correctly.",
        "This Python program was tried before and failed. Write it right.",
    ),
    "Analysis:": ("What was found:", "Analyses:", "Review:"),
    "Observations:": ("Observed:", "Some observations:"),
    "Lesson:": ("What was learned:", "Learned:"),
    "Attempt ": ("Try ", "Version "),
    "Hint:": ("A hint:", "It may help:"),
    "Plan:": ("The plan:", "A plan:", "Use this plan:"),
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
