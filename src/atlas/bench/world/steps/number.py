"""Steps that start from one integer."""

from __future__ import annotations

from typing import Final

from atlas.bench.world.kinds import Kind
from atlas.bench.world.primitive import Table

_on: Final = Table(Kind.INT)


STEPS: Final = (
    _on.whole("int_add", Kind.INT, "$v + $k", "add $k", "increase the number by $k", "raise it by $k", k=(1, 20)),
    _on.whole("int_sub", Kind.INT, "$v - $k", "subtract $k", "decrease the number by $k", "lower it by $k", k=(1, 20)),
    _on.whole("int_mul", Kind.INT, "$v * $k", "multiply by $k", "scale the number by $k", "make it $k times as large", k=(2, 9)),
    _on.whole("int_square", Kind.INT, "$v * $v", "square the number", "multiply the number by itself"),
    _on.whole("int_mod", Kind.INT, "$v % $k", "take the remainder modulo $k", "reduce the number mod $k", k=(3, 12)),
    _on.whole("int_floordiv", Kind.INT, "$v // $k", "divide by $k, rounding down", "floor-divide the number by $k", k=(2, 9)),
    _on.whole("int_abs", Kind.INT, "abs($v)", "take the absolute value", "drop the sign"),
    _on.whole("int_digit_sum", Kind.INT, "sum(int(d) for d in str(abs($v)))", "add up the digits", "compute the digit sum"),
    _on.whole("int_reverse", Kind.INT, "int(str(abs($v))[::-1])", "reverse the digits, ignoring the sign", "read the digits backwards, without the sign"),
    _on.whole("int_max_digit", Kind.INT, "max(int(d) for d in str(abs($v)))", "find the largest digit", "take the greatest of the digits"),
    _on.whole("int_digit_count", Kind.INT, "len(str(abs($v)))", "count the digits", "find how many digits the number has"),
    _on.whole("int_bits", Kind.INT, "bin(abs($v)).count('1')", "count the ones in the binary form", "find how many bits are set"),
    _on.whole("int_next_multiple", Kind.INT, "($v + $k - 1) // $k * $k", "round up to a multiple of $k", "go up to the nearest number that $k divides", k=(3, 9)),
    _on.whole("int_xor", Kind.INT, "$v ^ $k", "take the bitwise exclusive or with $k", "xor the number with $k", k=(1, 15)),
    _on.whole("int_triangle", Kind.INT, "abs($v) * (abs($v) + 1) // 2", "add up all integers from 1 to the number without its sign", "compute the triangular number of its absolute value"),
    _on.whole("int_collatz", Kind.INT, "$v // 2 if $v % 2 == 0 else 3 * $v + 1", "halve the number if it is even, else triple it and add one", "do one Collatz step"),
    _on.whole("int_text", Kind.TEXT, "str($v)", "write the number as text", "convert the number to a string"),
    _on.whole("int_binary", Kind.TEXT, "bin(abs($v))[2:]", "write its absolute value in binary", "convert it without its sign to base two"),
    _on.whole("int_digits", Kind.INTS, "[int(d) for d in str(abs($v))]", "list the digits from left to right", "split the number into its digits"),
    _on.whole("int_range", Kind.INTS, "list(range(1, abs($v) % 12 + 1))", "list the integers from 1 to its absolute value modulo 12", "count from 1 up to the remainder of its absolute value by 12"),
    _on.whole("int_divisors", Kind.INTS, "[d for d in range(1, 100) if $v % d == 0]", "list its divisors below 100", "find all numbers from 1 to 99 that divide it"),
    _on.whole("int_multiples", Kind.INTS, "[$v * i for i in range(1, $k + 1)]", "list its first $k multiples", "make a list of it times 1 up to $k", k=(3, 6)),
    _on.block("int_factors", Kind.INTS, "rest, d, $o = abs($v), 2, []\nwhile rest > 1 and d < 1000:\n    if rest % d == 0:\n        $o.append(d)\n        rest //= d\n    else:\n        d += 1", "list its prime factors below 1000 in order", "factor it into primes under 1000, smallest first"),
    _on.block("int_halvings", Kind.INTS, "rest, $o = abs($v), []\nwhile rest > 0:\n    $o.append(rest)\n    rest //= 2", "list the values got by halving its absolute value, rounding down, until it is zero", "halve it without its sign again and again, rounding down, and list the values above zero"),
    _on.whole("int_is_even", Kind.BOOL, "$v % 2 == 0", "check whether the number is even", "tell whether two divides it"),
    _on.whole("int_is_divisible", Kind.BOOL, "$v % $k == 0", "check whether the number is divisible by $k", "tell whether it is a multiple of $k", k=(3, 5)),
    _on.whole("int_is_above", Kind.BOOL, "$v > $k", "check whether the number is greater than $k", "tell whether it exceeds $k", k=(3, 40)),
    _on.whole("int_is_prime", Kind.BOOL, "$v > 1 and all($v % d for d in range(2, int($v**0.5) + 1))", "check whether the number is prime", "tell whether it is a prime"),
    _on.whole("int_is_palindrome", Kind.BOOL, "str(abs($v)) == str(abs($v))[::-1]", "check whether its digits read the same backwards", "tell whether the digits form a palindrome"),
)  # fmt: skip
