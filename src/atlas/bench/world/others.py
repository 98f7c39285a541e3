"""A second algorithm for some steps, as statements that set ``$o`` from ``$v``: one task, several programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PALINDROME: Final = "$o = all($v[i] == $v[-1 - i] for i in range(len($v)))"
_FIRST_ONLY: Final = "$o = []\nfor x in $v:\n    if x not in $o:\n        $o.append(x)"
_INSERT_SORT: Final = (
    "$o = []\nfor x in $v:\n    i = 0\n    while i < len($o) and $o[i] <= x:\n        i += 1\n    $o.insert(i, x)"
)
_SORTED: Final = "$o = all(a <= b for a, b in zip($v, $v[1:]))"
_TWICE: Final = "$o = any($v.count(x) > 1 for x in $v)"

OTHERS: Final[Mapping[str, str]] = {
    "int_digit_sum": "rest, $o = abs($v), 0\nwhile rest:\n    $o += rest % 10\n    rest //= 10",
    "int_reverse": "rest, $o = abs($v), 0\nwhile rest:\n    $o = $o * 10 + rest % 10\n    rest //= 10",
    "int_bits": "rest, $o = abs($v), 0\nwhile rest:\n    $o += rest % 2\n    rest //= 2",
    "int_triangle": "$o = sum(range(abs($v) + 1))",
    "int_is_prime": "$o, d = $v > 1, 2\nwhile d * d <= $v:\n    if $v % d == 0:\n        $o = False\n    d += 1",
    "ints_sum": "$o = 0\nfor x in $v:\n    $o += x",
    "ints_max": "$o = $v[0] if $v else 0\nfor x in $v:\n    if x > $o:\n        $o = x",
    "ints_min": "$o = $v[0] if $v else 0\nfor x in $v:\n    if x < $o:\n        $o = x",
    "ints_count": "$o = 0\nfor x in $v:\n    $o += 1",
    "ints_count_even": "$o = 0\nfor x in $v:\n    if x % 2 == 0:\n        $o += 1",
    "ints_square_sum": "$o = 0\nfor x in $v:\n    $o += x * x",
    "ints_count_distinct": "$o = len(dict.fromkeys($v))",
    "ints_reverse": "$o = []\nfor x in $v:\n    $o.insert(0, x)",
    "ints_unique": _FIRST_ONLY,
    "ints_sort": _INSERT_SORT,
    "ints_running_sum": "$o = [sum($v[:i + 1]) for i in range(len($v))]",
    "ints_running_max": "$o = [max($v[:i + 1]) for i in range(len($v))]",
    "ints_differences": "$o = []\nfor i in range(1, len($v)):\n    $o.append($v[i] - $v[i - 1])",
    "ints_drop_max": "top = max($v, default=0)\n$o = [x for x in $v if x != top]",
    "ints_drop_min": "low = min($v, default=0)\n$o = [x for x in $v if x != low]",
    "ints_has_duplicates": _TWICE,
    "ints_is_sorted": _SORTED,
    "ints_palindrome": _PALINDROME,
    "text_reverse": "$o = ''\nfor c in $v:\n    $o = c + $o",
    "text_unique": "$o = ''\nfor c in $v:\n    if c not in $o:\n        $o += c",
    "text_count": "$o = 0\nfor c in $v:\n    if c == $a:\n        $o += 1",
    "text_count_vowels": "$o = 0\nfor c in $v:\n    if c in 'aeiouAEIOU':\n        $o += 1",
    "text_count_distinct": "$o = len(dict.fromkeys($v))",
    "text_positions": "$o = []\nfor i in range(len($v)):\n    if $v[i] == $a:\n        $o.append(i)",
    "text_is_palindrome": _PALINDROME,
    "text_all_distinct": "$o = all($v.count(c) == 1 for c in $v)",
    "words_unique": _FIRST_ONLY,
    "words_sort": _INSERT_SORT,
    "words_total": "$o = len(''.join($v))",
    "words_concat": "$o = ''\nfor w in $v:\n    $o += w",
    "words_reverse": "$o = []\nfor w in $v:\n    $o.insert(0, w)",
    "words_is_sorted": _SORTED,
    "words_has_duplicates": _TWICE,
}
