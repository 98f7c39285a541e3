"""Arithmetic as a small model can do it: digit by digit, every step told before the next."""

from __future__ import annotations

from itertools import accumulate


def plus(a: int, b: int) -> str:
    """A sum; of large numbers its digits come from the back first, as they are found."""
    total = a + b
    back = f"~{str(abs(total))[::-1]}" if max(abs(a), abs(b)) >= 100 else ""
    return f"{a}{b:+d}{back}={total}"


def times(a: int, b: int) -> str:
    """A product: of a large number with one digit the columns with what was carried, with more the sum of those."""
    product = a * b
    if max(abs(a), abs(b)) <= 20 or min(abs(a), abs(b)) <= 1:
        return f"{a}*{b}={product}"
    if abs(b) < 10:
        return f"{a}*{b}~{_columns(abs(a), abs(b))}={product}"
    if abs(a) < 10:
        return times(b, a)
    parts, total = [f"{a}*{b}"], 0
    for place, digit in enumerate(reversed(str(abs(b)))):
        part = abs(a) * int(digit)
        parts.append(f"~{digit}:{_columns(abs(a), int(digit))}={part}")
        if place:
            parts.append(f"~{plus(total, part * 10**place)}")
        total += part * 10**place
    return "".join(parts) + f"={product}"


def _columns(a: int, digit: int) -> str:
    columns, carried = [], 0
    for d in reversed(str(a)):
        columns.append(str(int(d) * digit + carried))
        carried = (int(d) * digit + carried) // 10
    return ",".join(columns)


def over(a: int, k: int) -> str:
    """Quotient and remainder, of large numbers digit by digit; rounded down."""
    size, answer = abs(a), f"={a // k}r{a % k}"
    work, rest = "", 0
    if size > 20:
        steps: list[str] = []
        for d in str(size):
            rest = rest * 10 + int(d)
            steps.append(f"{rest // k}r{rest % k}")
            rest %= k
        work = "~" + ",".join(steps)
    return f"{a}/{k}{work}" + (f"={size // k}r{size % k}" if a < 0 else "") + answer


def digits(a: int) -> str:
    """The sum of the digits, one after the other."""
    found = [int(d) for d in str(abs(a))]
    return f"{a}:" + "".join(f"+{d}={t}" for d, t in zip(found, accumulate(found), strict=True))


def halved(a: int, k: int = 2) -> str:
    """Quotients and remainders by ``k`` down to zero."""
    parts, rest = [], abs(a)
    while rest:
        parts.append(f"{rest}:{rest // k}r{rest % k}")
        rest //= k
    return ",".join(parts) or "0"


def euclid(a: int, b: int) -> str:
    parts = [f"{abs(a)}"]
    a = abs(a)
    while b:
        a, b = b, a % b
        parts.append(f"{a}r{b}")
    return ",".join(parts)
