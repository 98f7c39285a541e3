"""How a step is worked out in a trace: text that leaves little to be done between one token and the next.

A small model reckons by tables that it has learned; it neither counts nor carries in its head. So items are found by
label (``training.notation``), and sums, products and quotients are done digit by digit (``training.reckoning``).
Scratchpads: Nye et al., arXiv 2112.00114.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from math import gcd
from typing import Any, Final

from atlas.bench.world.primitive import Form, Step
from atlas.bench.world.steps import all_steps
from training.notation import NOTHING, THEN, arranged, labelled, letter, ranked, sifted, told
from training.reckoning import digits, euclid, halved, over, plus, times

Params = Mapping[str, Any]
Work = Callable[[Any, Params, Any], str]
"""From the value, the step's parameters and its result to what comes before the result is told."""


def worked(step: Step, value: Any, result: Any) -> str:
    """What a step's line says after its name.

    Raises:
        TooLong: the value or the result cannot be labelled.
    """
    work = _WORK.get(step.primitive.name)
    if work is not None:
        before = work(value, step.params, result)
    elif step.primitive.form is Form.FILTER:
        before = kept(value, step)
    else:
        before = ""
    return f"{before}{THEN}{told(result)}" if before else told(result)


def kept(value: Any, step: Step) -> str:
    """A filter's work. Only the world's own tables are evaluated."""
    name = {"ints": "x", "words": "w", "text": "c"}[step.primitive.name.split("_")[0]]
    holds = eval(f"lambda {name}: {step.core()}")
    keys = _lengths(value, {}, None) + THEN if "len(w)" in step.primitive.code else ""
    return keys + sifted(value, [bool(holds(item)) for item in value])


def _each(work: Callable[[int, Params], str]) -> Work:
    return lambda v, p, r: labelled([work(x, p) for x in v])


def _order(order: Callable[[Any, Params], Sequence[int]]) -> Work:
    return lambda v, p, r: arranged(v, order(v, p)) or NOTHING


def _by(key: Callable[[Any], Any], keys: Work | None = None, *, down: bool = False) -> Work:
    def work(v: Any, p: Params, r: Any) -> str:
        before = f"{keys(v, p, r)}{THEN}" if keys else ""
        return before + (ranked(v, sorted(range(len(v)), key=lambda i: key(v[i]), reverse=down)) or NOTHING)

    return work


def _cut(piece: Callable[[Sequence[int], Params], Sequence[int]]) -> Work:
    """Where indexes are cut and put together as the items are."""
    return _order(lambda v, p: piece(range(len(v)), p))


def _sift(holds: Callable[[Any, int], bool], before: Work | None = None) -> Work:
    def work(v: Any, p: Params, r: Any) -> str:
        head = f"{before(v, p, r)}{THEN}" if before else ""
        return head + (sifted(v, [holds(v, i) for i in range(len(v))]) or NOTHING)

    return work


def _running(value: Callable[[Any, int, Params], Any]) -> Work:
    """After every item what is known up to there."""
    return lambda v, p, r: labelled([f"{v[i]}:{value(v, i, p)}" for i in range(len(v))])


def _flag(holds: Callable[[Any, int, Params], bool]) -> Work:
    return _running(lambda v, i, p: "y" if holds(v, i, p) else "n")


def _tally(holds: Callable[[Any, int, Params], bool]) -> Work:
    return _running(lambda v, i, p: sum(holds(v, j, p) for j in range(i + 1)))


def _then(*works: Work) -> Work:
    return lambda v, p, r: THEN.join(w(v, p, r) for w in works)


def _on(change: Callable[[Any], Any], work: Work) -> Work:
    return lambda v, p, r: work(change(v), p, r)


def _shows(value: Callable[[Any], Any]) -> Work:
    return lambda v, p, r: told(value(v))


def _sum(v: Sequence[int], p: Params, r: Any) -> str:
    totals = [0, *accumulate(v)]
    return labelled([x if i == 0 else plus(totals[i], x) for i, x in enumerate(v)])


def _mean(v: Sequence[int], p: Params, r: Any) -> str:
    return f"{_sum(v, p, r)}{THEN}{over(sum(v), len(v)) if v else NOTHING}"


def _alternating(v: Sequence[int], p: Params, r: Any) -> str:
    return _sum([-x if i % 2 else x for i, x in enumerate(v)], p, r)


def _groups(v: Sequence[int], p: Params, r: Any) -> str:
    return labelled([_chain(v[i : i + p["k"]]) for i in range(0, len(v), p["k"])])


def _windows(v: Sequence[int], p: Params, r: Any) -> str:
    k = p["k"]
    return labelled([_chain(v[i : i + k]) for i in range(len(v) - k + 1)])


def _chain(v: Sequence[int]) -> str:
    return "|".join(str(x) if i == 0 else plus(sum(v[:i]), x) for i, x in enumerate(v))


def _best_run(v: Sequence[int], p: Params, r: Any) -> str:
    runs, run, best = [], 0, 0
    for x in v:
        total = run + x
        told_sum, run, best = plus(run, x), max(0, total), max(best, total)
        runs.append(f"{told_sum}:{run},{best}")
    return labelled(runs)


def _product(v: Sequence[int], p: Params, r: Any) -> str:
    parts, at = [], 1
    for x in v:
        parts.append(f"{times(at, x)}%={at * x % 1009}")
        at = at * x % 1009
    return labelled(parts)


def _longest_run(v: Any, i: int, p: Params) -> int:
    run = 1
    while i and v[i] > v[i - 1]:
        run, i = run + 1, i - 1
    return run


def _lengths(v: Sequence[str], p: Params, r: Any) -> str:
    return f"{labelled([_numbered(w) for w in v])}{THEN}{labelled([len(w) for w in v])}"


def _numbered(word: str) -> str:
    return "".join(f"{c}{i}" for i, c in enumerate(word, 1))


def _flipped(words: Sequence[str]) -> str:
    """Each word with its letters numbered, then those from the last to the first."""
    back = ["".join(f"{c}{i}" for i, c in reversed(list(enumerate(w, 1)))) for w in words]
    return f"{labelled([_numbered(w) for w in words])}{THEN}{labelled(back)}"


def _first(v: Any, p: Params, r: Any) -> str:
    return letter(v.find(p["a"])) if p["a"] in v else NOTHING


def _triangle(v: int, p: Params, r: Any) -> str:
    return f"{times(abs(v), abs(v) + 1)}{THEN}{over(abs(v) * (abs(v) + 1), 2)}"


def _next_multiple(v: int, p: Params, r: int) -> str:
    return over(v, p["k"]) + (f"{THEN}{plus(v, r - v)}" if r != v else "")


def _xor(v: int, p: Params, r: int) -> str:
    low, k = v % 16, p["k"]
    return f"{over(v, 16)}{THEN}{low:04b}^{k:04b}={low ^ k:04b}={low ^ k}{THEN}{plus(v, r - v)}"


def _factors(v: int, p: Params, r: Sequence[int]) -> str:
    rest, parts = abs(v), [str(abs(v))]
    for d in r:
        rest //= d
        parts.append(f"/{d}={rest}")
    return "".join(parts)


def _prime(v: int, p: Params, r: bool) -> str:
    parts: list[str] = []
    for d in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31):
        if d * d > v:
            break
        parts.append(f"/{d}r{v % d}")
        if v % d == 0:
            break
    return f"{v}" + "".join(parts)


def _runs(text: str) -> list[str]:
    runs: list[str] = []
    for c in text:
        if runs and runs[-1][0] == c:
            runs[-1] = f"{c}{int(runs[-1][1:]) + 1}"
        else:
            runs.append(f"{c}1")
    return runs


def _vowel(c: str) -> bool:
    return c in "aeiouAEIOU"


def _vowels(w: str) -> int:
    return sum(map(_vowel, w))


def _new(v: Any, i: int, *_: Any) -> bool:
    return v[i] not in v[:i]


def _reversed(v: Any, p: Params) -> Sequence[int]:
    return range(len(v) - 1, -1, -1)


def _pairs_swapped(v: Any, p: Params) -> Sequence[int]:
    return [j for i in range(0, len(v), 2) for j in (i + 1, i) if j < len(v)]


def _doubled(v: Any, p: Params) -> Sequence[int]:
    return [i for i in range(len(v)) for _ in range(2)]


def _letters(text: str) -> list[int]:
    return [ord(c) - 96 for c in text if "a" <= c <= "z"]


_values: Final[Work] = lambda v, p, r: labelled([c + "".join(map(str, _letters(c.lower()))) for c in v])  # noqa: E731
_count: Final[Work] = lambda v, p, r: labelled(range(1, len(v) + 1))  # noqa: E731 - one row of the table
_split: Final = _shows(str.split)
_CUTS: Final[Mapping[str, Work]] = {
    "skip": _cut(lambda v, p: v[p["k"] :]),
    "take": _cut(lambda v, p: v[: p["k"]]),
    "head": _cut(lambda v, p: v[: p["k"]]),
    "tail": _cut(lambda v, p: v[-p["k"] :]),
    "drop_last": _cut(lambda v, p: v[: -p["k"]]),
    "even_index": _cut(lambda v, p: v[::2]),
    "odd_index": _cut(lambda v, p: v[1::2]),
    "rotate": _cut(lambda v, p: [*v[p.get("k", 1) :], *v[: p.get("k", 1)]]),
    "mirror": _cut(lambda v, p: [*v, *v[::-1]]),
    "reverse": _order(_reversed),
    "sort": _by(lambda x: x),
    "unique": _sift(_new),
    "count_distinct": _tally(_new),
    "has_duplicates": _flag(_new),
}
"""Of lists and texts alike, by the rest of the name; not of ``words_head`` and ``words_tail``, which cut each word."""

_CUT_STEPS: Final = all_steps().keys() - {"words_head", "words_tail"}

_WORK: Final[Mapping[str, Work]] = {
    **{
        name: w for kind in ("ints", "text", "words") for n, w in _CUTS.items() if (name := f"{kind}_{n}") in _CUT_STEPS
    },
    "int_add": lambda v, p, r: plus(v, p["k"]),
    "int_sub": lambda v, p, r: plus(v, -p["k"]),
    "int_mul": lambda v, p, r: times(v, p["k"]),
    "int_square": lambda v, p, r: times(v, v),
    "int_mod": lambda v, p, r: over(v, p["k"]),
    "int_floordiv": lambda v, p, r: over(v, p["k"]),
    "int_digit_sum": lambda v, p, r: digits(v),
    "int_bits": lambda v, p, r: halved(v),
    "int_binary": lambda v, p, r: halved(v),
    "int_base": lambda v, p, r: halved(v, p["k"]),
    "int_halvings": lambda v, p, r: halved(v),
    "int_next_multiple": _next_multiple,
    "int_xor": _xor,
    "int_triangle": _triangle,
    "int_collatz": lambda v, p, r: f"{times(v, 3)}{THEN}{plus(3 * v, 1)}" if v % 2 else over(v, 2),
    "int_range": lambda v, p, r: over(abs(v), 12),
    "int_multiples": lambda v, p, r: _sum([v] * p["k"], p, r),
    "int_factors": _factors,
    "int_is_divisible": lambda v, p, r: over(v, p["k"]),
    "int_is_prime": _prime,
    "int_is_palindrome": lambda v, p, r: str(abs(v))[::-1],
    "int_fibonacci": lambda v, p, r: over(abs(v), 20),
    "int_gcd": lambda v, p, r: euclid(v, p["k"]),
    # a list of integers
    "ints_add": _each(lambda x, p: plus(x, p["k"])),
    "ints_sub": _each(lambda x, p: plus(x, -p["k"])),
    "ints_distance": _each(lambda x, p: plus(x, -p["k"])),
    "ints_mul": _each(lambda x, p: times(x, p["k"])),
    "ints_square": _each(lambda x, p: times(x, x)),
    "ints_cube": _each(lambda x, p: f"{times(x, x)}{THEN}{times(x * x, x)}"),
    "ints_mod": _each(lambda x, p: over(x, p["k"])),
    "ints_floordiv": _each(lambda x, p: over(x, p["k"])),
    "ints_negate": _each(lambda x, p: f"{x}:{-x}"),
    "ints_abs": _each(lambda x, p: f"{x}:{abs(x)}"),
    "ints_at_least": _each(lambda x, p: f"{x}:{max(x, p['k'])}"),
    "ints_at_most": _each(lambda x, p: f"{x}:{min(x, p['k'])}"),
    "ints_last_digit": _each(lambda x, p: f"{x}:{abs(x) % 10}"),
    "ints_digit_sum": _each(lambda x, p: digits(x)),
    "ints_sort_desc": _by(lambda x: x, down=True),
    "ints_sort_abs": _by(abs, _shows(lambda v: [abs(x) for x in v])),
    "ints_sort_last": _by(lambda x: abs(x) % 10, _shows(lambda v: [abs(x) % 10 for x in v])),
    "ints_differences": lambda v, p, r: labelled([plus(b, -a) for a, b in pairwise(v)]),
    "ints_pair_sums": lambda v, p, r: labelled([plus(a, b) for a, b in pairwise(v)]),
    "ints_twice": _order(_doubled),
    "ints_times_index": lambda v, p, r: labelled([times(i, x) for i, x in enumerate(v)]),
    "ints_plus_index": lambda v, p, r: labelled([plus(i, x) for i, x in enumerate(v)]),
    "ints_evens_first": _order(lambda v, p: sorted(range(len(v)), key=lambda i: v[i] % 2)),
    "ints_append_sum": _sum,
    "ints_prepend_count": _count,
    "ints_count": _count,
    "ints_drop_max": _sift(lambda v, i: v[i] != max(v), _running(lambda v, i, p: max(v[: i + 1]))),
    "ints_drop_min": _sift(lambda v, i: v[i] != min(v), _running(lambda v, i, p: min(v[: i + 1]))),
    "ints_repeated": _sift(lambda v, i: v.count(v[i]) > 1),
    "ints_running_sum": _sum,
    "ints_squeeze": _sift(lambda v, i: not i or v[i - 1] != v[i]),
    "ints_sum": _sum,
    "ints_max": _running(lambda v, i, p: max(v[: i + 1])),
    "ints_min": _running(lambda v, i, p: min(v[: i + 1])),
    "ints_spread": _then(_running(lambda v, i, p: max(v[: i + 1])), _running(lambda v, i, p: min(v[: i + 1]))),
    "ints_argmax": _running(lambda v, i, p: max(v[: i + 1])),
    "ints_count_even": _tally(lambda v, i, p: v[i] % 2 == 0),
    "ints_count_above": _tally(lambda v, i, p: v[i] > p["k"]),
    "ints_square_sum": _then(_each(lambda x, p: times(x, x)), _on(lambda v: [x * x for x in v], _sum)),
    "ints_alternating": _alternating,
    "ints_second": _by(lambda x: x),
    "ints_median": _by(lambda x: x),
    "ints_mode": _running(lambda v, i, p: v[: i + 1].count(v[i])),
    "ints_rises": _tally(lambda v, i, p: i > 0 and v[i] > v[i - 1]),
    "ints_longest_run": _running(_longest_run),
    "ints_alternating_product": _product,
    "ints_join": lambda v, p, r: r or NOTHING,
    "ints_is_sorted": _flag(lambda v, i, p: not i or v[i] >= v[i - 1]),
    "ints_all_even": _flag(lambda v, i, p: v[i] % 2 == 0),
    "ints_has": _flag(lambda v, i, p: v[i] == p["k"]),
    "ints_palindrome": _order(_reversed),
    "ints_gcd": _running(lambda v, i, p: gcd(*v[: i + 1])),
    "ints_rank": _shows(lambda v: sorted(set(v))),
    "ints_peaks": _sift(lambda v, i: 0 < i < len(v) - 1 and v[i - 1] < v[i] > v[i + 1]),
    "ints_interleave": _order(lambda v, p: [j for i in range(len(v)) for j in (i, len(v) - 1 - i)]),
    "ints_below_mean": _sift(lambda v, i: v[i] * len(v) < sum(v), _mean),
    "ints_group_sums": _groups,
    "ints_window": _windows,
    "ints_best_run": _best_run,
    # text
    "text_double": _order(_doubled),
    "text_reverse_words": _then(_split, _on(str.split, _order(_reversed))),
    "text_sort_words": _then(_split, _on(str.split, _by(lambda w: w))),
    "text_flip_words": _then(lambda v, p, r: _flipped(v.split()), _shows(lambda v: [w[::-1] for w in v.split()])),
    "text_initials": _split,
    "text_join_words": _split,
    "text_count_words": _then(_split, _on(str.split, _count)),
    "text_length": _count,
    "text_word_lengths": _on(str.split, _lengths),
    "text_longest": _on(str.split, _lengths),
    "text_count_vowels": _tally(lambda v, i, p: _vowel(v[i])),
    "text_count": _tally(lambda v, i, p: v[i] == p["a"]),
    "text_count_upper": _tally(lambda v, i, p: v[i].isupper()),
    "text_digit_sum": _on(lambda v: [int(c) for c in v if c.isdigit()], _sum),
    "text_alphabet_sum": _then(_values, _on(lambda v: _letters(v.lower()), _sum)),
    "text_find": _first,
    "text_has": _first,
    "text_positions": lambda v, p, r: arranged(v, r),
    "text_letter_values": lambda v, p, r: sifted(v, ["a" <= c <= "z" for c in v]),
    "text_is_palindrome": _order(_reversed),
    "text_all_distinct": _flag(_new),
    "text_runs": _shows(_runs),
    "text_swap_pairs": _order(_pairs_swapped),
    "text_common": _running(lambda v, i, p: v[: i + 1].count(v[i])),
    # a list of words
    "words_sort_desc": _by(lambda w: w, down=True),
    "words_sort_length": _by(len, _lengths),
    "words_sort_last": _by(lambda w: w[-1:]),
    "words_sort_vowels": _by(_vowels, _shows(lambda v: [_vowels(w) for w in v])),
    "words_count": _count,
    "words_flip": lambda v, p, r: _flipped(v),
    "words_palindromes": _then(lambda v, p, r: _flipped(v), _sift(lambda v, i: v[i] == v[i][::-1])),
    "words_lengths": lambda v, p, r: labelled([_numbered(w) for w in v]),
    "words_total": _then(_lengths, _on(lambda v: [len(w) for w in v], _sum)),
    "words_longest": _lengths,
    "words_distinct": _tally(_new),
    "words_count_with": _tally(lambda v, i, p: p["a"] in v[i]),
    "words_longest_word": _lengths,
    "words_shortest_word": _lengths,
    "words_numbered": _lengths,
    "words_all_longer": _lengths,
    "words_any_with": _flag(lambda v, i, p: p["a"] in v[i]),
    "words_is_sorted": _flag(lambda v, i, p: not i or v[i] >= v[i - 1]),
    "words_anagrams": _then(
        _shows(lambda v: ["".join(sorted(w)) for w in v]),
        _on(lambda v: ["".join(sorted(w)) for w in v], _tally(_new)),
    ),
}
