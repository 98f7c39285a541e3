"""Steps that start from a list of integers."""

from __future__ import annotations

from typing import Final

from atlas.bench.world.kinds import Kind
from atlas.bench.world.primitive import Table

_on: Final = Table(Kind.INTS)


_ITEMWISE = (
    _on.map("ints_add", "x + $k", "add $k to each number", "increase every number by $k", "raise each value by $k", k=(1, 9)),
    _on.map("ints_sub", "x - $k", "subtract $k from each number", "decrease every number by $k", "lower each value by $k", k=(1, 9)),
    _on.map("ints_mul", "x * $k", "multiply each number by $k", "scale every number by $k", "make each value $k times as large", k=(2, 9)),
    _on.map("ints_square", "x * x", "square each number", "replace every number by its square", "raise each value to the power of two"),
    _on.map("ints_negate", "-x", "negate each number", "flip the sign of every number", "change the sign of each value"),
    _on.map("ints_abs", "abs(x)", "take the absolute value of each number", "drop the sign of every number", "replace each value by its magnitude"),
    _on.map("ints_mod", "x % $k", "replace each number by its remainder modulo $k", "take every number modulo $k", "reduce each value mod $k", k=(2, 9)),
    _on.map("ints_floordiv", "x // $k", "divide each number by $k, rounding down", "floor-divide every number by $k", "replace each value by the floor of its division by $k", k=(2, 9)),
    _on.map("ints_digit_sum", "sum(int(d) for d in str(abs(x)))", "replace each number by the sum of its digits", "take the digit sum of every number", "turn each value into its digit total"),
    _on.map("ints_at_least", "max(x, $k)", "raise numbers below $k to $k", "replace every number smaller than $k by $k", "clamp each value from below at $k", k=(0, 9)),
    _on.map("ints_at_most", "min(x, $k)", "lower numbers above $k to $k", "replace every number larger than $k by $k", "clamp each value from above at $k", k=(3, 12)),
    _on.map("ints_cube", "x ** 3", "cube each number", "replace every number by its cube", "raise each value to the third power"),
    _on.map("ints_last_digit", "abs(x) % 10", "replace each number by its last digit", "keep the last digit of every number", "reduce each value to its units digit"),
    _on.map("ints_distance", "abs(x - $k)", "replace each number by its distance from $k", "take the absolute difference of every number and $k", "measure how far each value is from $k", k=(1, 9)),
    _on.filter("ints_even", "x % 2 == 0", "keep only the even numbers", "drop the odd numbers", "remove every number that is not even", "select the even values"),
    _on.filter("ints_odd", "x % 2 == 1", "keep only the odd numbers", "drop the even numbers", "remove every number that is not odd", "select the odd values"),
    _on.filter("ints_above", "x > $k", "keep the numbers greater than $k", "drop every number that is at most $k", "select the values above $k", k=(-2, 9)),
    _on.filter("ints_below", "x < $k", "keep the numbers less than $k", "drop every number that is at least $k", "select the values below $k", k=(2, 15)),
    _on.filter("ints_divisible", "x % $k == 0", "keep the numbers divisible by $k", "drop every number that $k does not divide", "select the multiples of $k", k=(3, 5)),
    _on.filter("ints_not_divisible", "x % $k != 0", "remove the numbers divisible by $k", "drop every multiple of $k", "keep the values that $k does not divide", k=(2, 5)),
    _on.filter("ints_positive", "x > 0", "keep the positive numbers", "drop zeros and negative numbers", "select the values above zero"),
    _on.filter("ints_not_equal", "x != $k", "remove every $k", "drop the numbers equal to $k", "delete all values that are $k", k=(0, 4)),
)  # fmt: skip

_LISTS = (
    _on.whole("ints_sort", Kind.INTS, "sorted($v)", "sort the numbers in ascending order", "put the numbers in increasing order", "arrange the values from smallest to largest"),
    _on.whole("ints_sort_desc", Kind.INTS, "sorted($v, reverse=True)", "sort the numbers in descending order", "put the numbers in decreasing order", "arrange the values from largest to smallest"),
    _on.whole("ints_sort_abs", Kind.INTS, "sorted($v, key=abs)", "sort the numbers by absolute value, keeping ties in order", "order the numbers by magnitude, ties as they stand"),
    _on.whole("ints_sort_last", Kind.INTS, "sorted($v, key=lambda x: abs(x) % 10)", "sort the numbers by their last digit, keeping ties in order", "order the numbers by units digit, ties as they stand"),
    _on.whole("ints_reverse", Kind.INTS, "$v[::-1]", "reverse the list", "reverse the order of the numbers", "put the numbers back to front"),
    _on.whole("ints_unique", Kind.INTS, "list(dict.fromkeys($v))", "remove duplicates, keeping first occurrences", "keep only the first occurrence of each number", "drop repeated values after their first appearance"),
    _on.whole("ints_skip", Kind.INTS, "$v[$k:]", "drop the first $k numbers", "skip the first $k numbers", "remove $k values from the front", k=(1, 3)),
    _on.whole("ints_take", Kind.INTS, "$v[:$k]", "take the first $k numbers", "keep only the first $k numbers", "cut the list after $k values", k=(2, 5)),
    _on.whole("ints_tail", Kind.INTS, "$v[-$k:]", "take the last $k numbers", "keep only the last $k numbers", "keep the final $k values", k=(2, 5)),
    _on.whole("ints_drop_last", Kind.INTS, "$v[:-$k]", "drop the last $k numbers", "remove $k values from the end", "cut off the final $k numbers", k=(1, 3)),
    _on.whole("ints_even_index", Kind.INTS, "$v[::2]", "keep the numbers at even positions, counting from zero", "take every second number, starting with the first"),
    _on.whole("ints_odd_index", Kind.INTS, "$v[1::2]", "keep the numbers at odd positions, counting from zero", "take every second number, starting with the second"),
    _on.whole("ints_rotate", Kind.INTS, "$v[$k:] + $v[:$k]", "rotate the list to the left by $k, moving the first $k numbers to the end", "move the first $k numbers to the end", k=(1, 3)),
    _on.whole("ints_differences", Kind.INTS, "[b - a for a, b in zip($v, $v[1:])]", "take the differences of neighbours, each number minus the one before it", "replace the list by its consecutive differences"),
    _on.whole("ints_pair_sums", Kind.INTS, "[a + b for a, b in zip($v, $v[1:])]", "add each number to the one after it, giving a list shorter by one", "replace the list by the sums of neighbours"),
    _on.whole("ints_twice", Kind.INTS, "[x for x in $v for _ in range(2)]", "repeat each number twice in a row", "write every number two times", "duplicate each value in place"),
    _on.whole("ints_times_index", Kind.INTS, "[i * x for i, x in enumerate($v)]", "multiply each number by its position, counting from zero", "scale every number by its zero-based index"),
    _on.whole("ints_plus_index", Kind.INTS, "[i + x for i, x in enumerate($v)]", "add to each number its position, counting from zero", "increase every number by its zero-based index"),
    _on.whole("ints_evens_first", Kind.INTS, "[x for x in $v if x % 2 == 0] + [x for x in $v if x % 2 == 1]", "move the even numbers to the front, keeping the order within evens and odds", "put all even numbers before all odd ones, otherwise in order"),
    _on.whole("ints_append_sum", Kind.INTS, "$v + [sum($v)]", "append the sum of the numbers", "add the total at the end of the list"),
    _on.whole("ints_prepend_count", Kind.INTS, "[len($v)] + $v", "put the count of the numbers in front", "insert the length of the list at the front"),
    _on.whole("ints_mirror", Kind.INTS, "$v + $v[::-1]", "append the reversed list to the list", "follow the list by its mirror image"),
    _on.whole("ints_drop_max", Kind.INTS, "[x for x in $v if x != max($v)]", "remove every occurrence of the largest number", "drop all copies of the maximum"),
    _on.whole("ints_drop_min", Kind.INTS, "[x for x in $v if x != min($v)]", "remove every occurrence of the smallest number", "drop all copies of the minimum"),
    _on.whole("ints_repeated", Kind.INTS, "[x for x in $v if $v.count(x) > 1]", "keep only the numbers that occur more than once", "drop the numbers that occur just once"),
    _on.block("ints_running_sum", Kind.INTS, "total = 0\n$o = []\nfor x in $v:\n    total += x\n    $o.append(total)", "replace the list by its running totals", "take the cumulative sums", "turn each number into the sum of all numbers up to it"),
    _on.block("ints_running_max", Kind.INTS, "$o = []\nfor x in $v:\n    $o.append(max($o[-1], x) if $o else x)", "replace each number by the largest number so far", "take the running maximum"),
    _on.block("ints_squeeze", Kind.INTS, "$o = []\nfor x in $v:\n    if not $o or $o[-1] != x:\n        $o.append(x)", "collapse runs of equal neighbours into one", "remove numbers that equal the one just before them"),
)  # fmt: skip

_ENDS = (
    _on.whole("ints_sum", Kind.INT, "sum($v)", "add up the numbers", "compute the sum of the numbers", "find the total of the list"),
    _on.whole("ints_max", Kind.INT, "max($v, default=0)", "find the largest number, or 0 if there is none", "take the maximum, 0 for an empty list"),
    _on.whole("ints_min", Kind.INT, "min($v, default=0)", "find the smallest number, or 0 if there is none", "take the minimum, 0 for an empty list"),
    _on.whole("ints_count", Kind.INT, "len($v)", "count the numbers", "find how many numbers there are", "compute the length of the list"),
    _on.whole("ints_spread", Kind.INT, "max($v, default=0) - min($v, default=0)", "find the difference between the largest and the smallest number", "compute the range, maximum minus minimum"),
    _on.whole("ints_count_distinct", Kind.INT, "len(set($v))", "count the distinct numbers", "find how many different numbers there are"),
    _on.whole("ints_count_even", Kind.INT, "sum(1 for x in $v if x % 2 == 0)", "count the even numbers", "find how many numbers are even"),
    _on.whole("ints_count_above", Kind.INT, "sum(1 for x in $v if x > $k)", "count the numbers greater than $k", "find how many values exceed $k", k=(0, 9)),
    _on.whole("ints_first", Kind.INT, "$v[0] if $v else 0", "take the first number, or 0 if there is none", "pick the number at the front, 0 for an empty list"),
    _on.whole("ints_last", Kind.INT, "$v[-1] if $v else 0", "take the last number, or 0 if there is none", "pick the number at the end, 0 for an empty list"),
    _on.whole("ints_square_sum", Kind.INT, "sum(x * x for x in $v)", "add up the squares of the numbers", "compute the sum of squares"),
    _on.whole("ints_alternating", Kind.INT, "sum($v[::2]) - sum($v[1::2])", "compute the alternating sum, first minus second plus third and so on", "add the numbers at even positions and subtract those at odd positions"),
    _on.whole("ints_second", Kind.INT, "sorted($v)[-2] if len($v) > 1 else 0", "find the second largest number counting duplicates, or 0 if there are fewer than two", "take the runner-up of the numbers, 0 for fewer than two"),
    _on.whole("ints_median", Kind.INT, "sorted($v)[(len($v) - 1) // 2] if $v else 0", "find the lower median, or 0 if there is none", "take the middle number in sorted order, the lower of two, 0 for an empty list"),
    _on.whole("ints_mode", Kind.INT, "max(sorted(set($v)), key=$v.count) if $v else 0", "find the most frequent number, the smallest on a tie, 0 if there is none", "take the most common value, ties to the smaller, 0 for an empty list"),
    _on.whole("ints_argmax", Kind.INT, "$v.index(max($v)) if $v else -1", "find the position of the first largest number, counting from zero, or -1 if there is none", "take the zero-based index of the maximum, -1 for an empty list"),
    _on.whole("ints_rises", Kind.INT, "sum(1 for a, b in zip($v, $v[1:]) if b > a)", "count how often a number is greater than the one before it", "count the rises between neighbours"),
    _on.block("ints_longest_run", Kind.INT, "$o = run = 0\nfor i, x in enumerate($v):\n    run = run + 1 if i and x > $v[i - 1] else 1\n    $o = max($o, run)", "find the length of the longest strictly increasing run of neighbours", "compute how long the longest stretch of rising neighbours is"),
    _on.block("ints_alternating_product", Kind.INT, "$o = 1\nfor x in $v:\n    $o = $o * x % 1009", "multiply the numbers modulo 1009", "compute the product of the numbers mod 1009"),
    _on.whole("ints_join", Kind.TEXT, "$sep.join(str(x) for x in $v)", "join the numbers with $sep", "write the numbers as text with $sep between them", sep="separator"),
    _on.whole("ints_to_words", Kind.WORDS, "[str(x) for x in $v]", "turn each number into text", "convert every number to a string"),
    _on.whole("ints_is_sorted", Kind.BOOL, "$v == sorted($v)", "check whether the numbers are in ascending order", "tell whether the list is sorted"),
    _on.whole("ints_all_even", Kind.BOOL, "all(x % 2 == 0 for x in $v)", "check whether all numbers are even", "tell whether no number is odd"),
    _on.whole("ints_has", Kind.BOOL, "$k in $v", "check whether $k is among the numbers", "tell whether the list contains $k", k=(0, 6)),
    _on.whole("ints_has_duplicates", Kind.BOOL, "len(set($v)) < len($v)", "check whether any number occurs twice", "tell whether the list has duplicates"),
    _on.whole("ints_palindrome", Kind.BOOL, "$v == $v[::-1]", "check whether the list reads the same backwards", "tell whether the numbers form a palindrome"),
)  # fmt: skip

STEPS: Final = (*_ITEMWISE, *_LISTS, *_ENDS)
