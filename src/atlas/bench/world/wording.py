"""How a problem is told: its steps in some order of telling, with or without matter that is beside the point."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

DISTRACTORS: Final = (
    "This is one part of a larger report.",
    "The data come from a sensor that is read every hour.",
    "Inputs never hold more than a hundred items.",
    "There is no need to be fast.",
    "A colleague wrote a version of this last year, but it was lost.",
    "The result is stored in a table with two columns.",
    "Other parts of the program do not depend on this.",
    "The same rule was used in the 3 earlier versions.",
    "The input is not needed afterwards.",
    "About 5 of 7 users never see this value.",
    "Nothing is known about the order of the input.",
    "Sorting is done elsewhere unless it is asked for here.",
)


def plain(head: str, phrases: Sequence[str], rng: Random) -> str:
    """The steps in the order in which they are done."""
    capital = [_capital(p) for p in phrases]
    style = rng.randrange(4)
    if style == 0:
        return f"Given {head}, {', then '.join(phrases)}."
    if style == 1:
        return f"You get {head}. " + " Then ".join(f"{p}." for p in [capital[0], *phrases[1:]])
    if style == 2:
        order = ["First", *["then"] * (len(phrases) - 2), "finally"][: len(phrases)]
        return f"Start from {head}. " + "; ".join(f"{o} {p}" for o, p in zip(order, phrases, strict=True)) + "."
    return f"Take {head} and do these steps:\n" + "\n".join(f"{i}. {p}." for i, p in enumerate(capital, 1))


def tangled(head: str, phrases: Sequence[str], rng: Random) -> str:
    """The steps told in another order than they are done; needs at least two."""
    style = rng.randrange(4)
    if style == 0:
        return _but_before(head, phrases, rng)
    if style == 1:
        *rest, last = phrases
        return f"The last thing to do with {head} is to {last}. Until then, {', then '.join(rest)}."
    if style == 2:
        order = list(range(len(phrases)))
        while order == sorted(order):
            rng.shuffle(order)
        told = "\n".join(f"{'ABCDEF'[place]}. {_capital(phrases[i])}." for place, i in enumerate(order))
        done = ", ".join("ABCDEF"[order.index(i)] for i in range(len(phrases)))
        return f"Take {head} and do these steps in the order {done}:\n{told}"
    backwards = [f"before that, {p}" for p in reversed(phrases[:-1])]
    return f"Told backwards, for {head}: at the end, {phrases[-1]}; {'; '.join(backwards)}."


def _but_before(head: str, phrases: Sequence[str], rng: Random) -> str:
    """One step is told right after the one that follows it."""
    at = rng.randrange(len(phrases) - 1)
    told = [*phrases[:at], f"{phrases[at + 1]} (but before that, {phrases[at]})", *phrases[at + 2 :]]
    return f"Given {head}, {', then '.join(told)}."


def distracted(text: str, rng: Random) -> str:
    """``text`` with one or two sentences that are beside the point."""
    extra = rng.sample(DISTRACTORS, rng.choice((1, 1, 2)))
    before = [s for s in extra if rng.random() < 0.5]
    after = [s for s in extra if s not in before]
    return " ".join([*before, text, *after])


def _capital(phrase: str) -> str:
    return phrase[0].upper() + phrase[1:]
