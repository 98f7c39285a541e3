"""Arithmetic as a small model can do it: digit by digit, every step told before the next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, zip_longest
from random import Random


def plus(a: int, b: int) -> str:
    """A sum, by columns from the right; of numbers of different signs it is the difference of their sizes."""
    total = a + b
    asked = f"{a}{b:+d}"
    if a >= 0 and b >= 0:
        return f"{asked}{_added(a, b)}={total}"
    if (a < 0) == (b < 0):
        return f"{asked}:{-a}+{-b}{_added(-a, -b)}={-total}={total}"
    large, small = max(abs(a), abs(b)), min(abs(a), abs(b))
    turned = "" if (large, -small) == (a, b) else f":{large}-{small}"
    size = f"={large - small}" if turned else ""
    return f"{asked}{turned}{_taken(large, small)}{size}={total}"


def _added(a: int, b: int) -> str:
    """The columns of a sum, with what is carried; nothing for single digits."""
    if max(a, b) < 10:
        return ""
    columns, carried = [], 0
    for x, y in _digits(a, b):
        columns.append(f"{x}+{y}{'+1' if carried else ''}={x + y + carried}")
        carried = (x + y + carried) // 10
    return "~" + ",".join(columns)


def _taken(a: int, b: int) -> str:
    """The columns of a difference; a mark where one is borrowed."""
    if max(a, b) < 10:
        return ""
    columns, borrowed = [], 0
    for x, y in _digits(a, b):
        rest = x - y - borrowed
        columns.append(f"{x}-{y}{'-1' if borrowed else ''}={rest % 10}{'-' if rest < 0 else ''}")
        borrowed = int(rest < 0)
    return "~" + ",".join(columns)


def _digits(a: int, b: int) -> Iterator[tuple[int, int]]:
    """The digits of both at each place, from the last."""
    for x, y in zip_longest(reversed(str(a)), reversed(str(b)), fillvalue="0"):
        yield int(x), int(y)


def times(a: int, b: int) -> str:
    """A product: of a large number with one digit by columns with what was carried, with more as the sum of those."""
    product = a * b
    if max(abs(a), abs(b)) <= 20 and (min(abs(a), abs(b)) <= 9 or a == b):
        return f"{a}*{b}={product}"
    if abs(b) < 10:
        return f"{a}*{b}~{_columns(abs(a), abs(b))}={product}"
    if abs(a) < 10:
        return times(b, a)
    parts, total = [f"{a}*{b}"], 0
    for place, digit in enumerate(reversed(str(abs(b)))):
        part = abs(a) * int(digit) * 10**place
        parts.append(f"~{_columns(abs(a), int(digit))}={part}")
        if place:
            parts.append(f"~{plus(total, part)}")
        total += part
    return "".join(parts) + f"={product}"


def _columns(a: int, digit: int) -> str:
    columns, carried = [], 0
    for d in reversed(str(a)):
        product = int(d) * digit + carried
        columns.append(f"{d}*{digit}{f'+{carried}' if carried else ''}={product}")
        carried = product // 10
    return ",".join(columns)


def over(a: int, k: int) -> str:
    """Quotient and remainder, of large numbers digit by digit; rounded down."""
    size, work, rest = abs(a), "", 0
    if size > 20:
        steps: list[str] = []
        for d in str(size):
            rest = rest * 10 + int(d)
            steps.append(f"{rest}/{k}={rest // k}r{rest % k}")
            rest %= k
        work = "~" + ",".join(steps)
    turned = f":{size}/{k}{work}={size // k}r{size % k}" if a < 0 else work
    return f"{a}/{k}{turned}={a // k}r{a % k}"


def digits(a: int) -> str:
    """The sum of the digits, one after the other."""
    found = [int(d) for d in str(abs(a))]
    return f"{a}:" + "".join(f"+{d}={t}" for d, t in zip(found, accumulate(found), strict=True))


def halved(a: int, k: int = 2) -> str:
    """Quotients and remainders by ``k`` down to zero."""
    parts, rest = [], abs(a)
    while rest:
        parts.append(over(rest, k))
        rest //= k
    return ",".join(parts) or "0"


def euclid(a: int, b: int) -> str:
    parts = [f"{abs(a)}"]
    a = abs(a)
    while b:
        a, b = b, a % b
        parts.append(f"{a}r{b}")
    return ",".join(parts)


def drawn(rng: Random) -> tuple[str, str]:
    """A random sum, product or the like, and how it is worked out."""
    size = rng.choice((9, 20, 20, 100, 300, 300, 2000))
    a = rng.randint(-size, size) if rng.random() < 0.5 else rng.randint(0, size)
    small = rng.randint(2, 12)
    way = rng.random()
    if way < 0.4:
        b = rng.choice((rng.randint(1, 20), rng.randint(-20, 20), rng.randint(-size, size)))
        return f"{a}{b:+d}", plus(a, b)
    if way < 0.6:
        return f"{a}*{small}", times(a, small)
    if way < 0.66:
        b = rng.randint(0, 300)
        return f"{b}*{b}", times(b, b)
    if way < 0.9:
        return f"{a}/{small}", over(a, small)
    if way < 0.95:
        return f"{a}:", digits(a)
    return f"{abs(a)}/2,", halved(a)
