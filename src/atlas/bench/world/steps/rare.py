"""Rarer steps, of every kind: they are drawn less often than the others, in training and in suites alike."""

from __future__ import annotations

from typing import Final

from atlas.bench.world.kinds import Kind
from atlas.bench.world.primitive import Table

_int: Final = Table(Kind.INT)
_ints: Final = Table(Kind.INTS)
_text: Final = Table(Kind.TEXT)
_words: Final = Table(Kind.WORDS)


STEPS: Final = (
    _int.block("int_fibonacci", Kind.INT, "$o, after = 0, 1\nfor _ in range(abs($v) % 20):\n    $o, after = after, $o + after", "take the Fibonacci number at its absolute value modulo 20, with 0 and 1 in front", "find the Fibonacci number with that index modulo 20 without its sign, counting 0 as the first"),
    _int.block("int_gcd", Kind.INT, "$o, rest = abs($v), $k\nwhile rest:\n    $o, rest = rest, $o % rest", "find the greatest common divisor with $k", "take the largest number that divides both it and $k", k=(6, 36)),
    _int.block("int_base", Kind.INTS, "rest, $o = abs($v), []\nwhile rest:\n    $o.insert(0, rest % $k)\n    rest //= $k", "list its digits in base $k without the sign", "write its absolute value in base $k as a list of digits", k=(3, 7)),
    _ints.block("ints_gcd", Kind.INT, "$o = 0\nfor x in $v:\n    rest = abs(x)\n    while rest:\n        $o, rest = rest, $o % rest", "find the greatest common divisor of the numbers, 0 if there is none", "take the largest number that divides all of them, 0 for an empty list"),
    _ints.whole("ints_rank", Kind.INTS, "[sorted(set($v)).index(x) for x in $v]", "replace each number by its rank among the distinct values, counting from zero", "turn every number into how many distinct values are smaller"),
    _ints.whole("ints_peaks", Kind.INTS, "[b for a, b, c in zip($v, $v[1:], $v[2:]) if a < b > c]", "keep the numbers greater than both neighbours, leaving out the ends", "select the inner peaks"),
    _ints.whole("ints_interleave", Kind.INTS, "[x for pair in zip($v, $v[::-1]) for x in pair]", "take turns between the list and its reverse", "interleave the numbers with the reversed list"),
    _ints.whole("ints_below_mean", Kind.INTS, "[x for x in $v if x * len($v) < sum($v)]", "keep the numbers below the average", "drop every number that is at least the mean"),
    _ints.block("ints_bubble", Kind.INTS, "$o = list($v)\nfor i in range(len($o) - 1):\n    if $o[i] > $o[i + 1]:\n        $o[i], $o[i + 1] = $o[i + 1], $o[i]", "do one pass of bubble sort", "go once from left to right and swap neighbours that are out of order"),
    _ints.whole("ints_group_sums", Kind.INTS, "[sum($v[i:i + $k]) for i in range(0, len($v), $k)]", "add up each group of $k numbers in a row, the last may be shorter", "replace every block of $k numbers by its total", k=(2, 3)),
    _ints.whole("ints_window", Kind.INT, "max((sum($v[i:i + $k]) for i in range(len($v) - $k + 1)), default=0)", "find the largest sum of $k neighbours, or 0 if there are too few", "take the best total of a window of $k numbers, 0 for a shorter list", k=(2, 3)),
    _ints.block("ints_best_run", Kind.INT, "$o = run = 0\nfor x in $v:\n    run = max(0, run + x)\n    $o = max($o, run)", "find the largest sum of neighbouring numbers, at least 0", "take the maximum subarray sum, counting the empty one"),
    _text.block("text_runs", Kind.TEXT, "$o = ''\nfor i, c in enumerate($v):\n    if i and c == $v[i - 1]:\n        count += 1\n    else:\n        $o, count = $o + (str(count) if i else '') + c, 1\n$o += str(count) if $v else ''", "write each run of equal characters as the character and the length of the run", "run-length encode the text, the character before its count"),
    _text.whole("text_swap_pairs", Kind.TEXT, "''.join($v[i + 1:i + 2] + $v[i] for i in range(0, len($v), 2))", "swap the characters of each pair, a last single one stays", "exchange every two neighbouring characters"),
    _text.whole("text_alternate", Kind.TEXT, "''.join(c.lower() if i % 2 else c.upper() for i, c in enumerate($v))", "write the characters in upper and lower case by turns", "make every second letter small and the others capital"),
    _text.whole("text_common", Kind.TEXT, "max(sorted(set($v)), key=$v.count, default='')", "find the most frequent character, the first by code on a tie", "take the most common character, ties to the smaller code"),
    _words.whole("words_pairs", Kind.WORDS, "[a + b for a, b in zip($v, $v[1:])]", "glue each word to the one after it, giving a list shorter by one", "join every two neighbouring words"),
    _words.map("words_numbered", "w + str(len(w))", "append to each word its length", "put the number of its letters at the end of every word"),
    _words.whole("words_anagrams", Kind.INT, "len({''.join(sorted(w)) for w in $v})", "count the words that are no anagrams of each other", "find how many different sets of letters the words have"),
    _words.whole("words_sort_vowels", Kind.WORDS, "sorted($v, key=lambda w: sum(c in 'aeiouAEIOU' for c in w))", "sort the words by their number of vowels, keeping ties in order", "order the words from fewest to most vowels, ties as they stand"),
)  # fmt: skip

NAMES: Final = frozenset(p.name for p in STEPS)
