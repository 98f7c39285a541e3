"""Steps that start from a list of words."""

from __future__ import annotations

from typing import Final

from atlas.bench.world.kinds import Kind
from atlas.bench.world.primitive import Table

_on: Final = Table(Kind.WORDS)


STEPS: Final = (
    _on.map("words_upper", "w.upper()", "turn each word into upper case", "write every word in capitals"),
    _on.map("words_lower", "w.lower()", "turn each word into lower case", "write every word in small letters"),
    _on.map("words_capitalize", "w.capitalize()", "capitalize each word", "make every word start with a capital and go on in small letters"),
    _on.map("words_flip", "w[::-1]", "reverse each word", "write every word backwards"),
    _on.map("words_head", "w[:$k]", "cut each word to its first $k letters", "keep only the first $k letters of every word", k=(1, 3)),
    _on.map("words_tail", "w[-$k:]", "cut each word to its last $k letters", "keep only the last $k letters of every word", k=(1, 3)),
    _on.map("words_double", "w + w", "write each word twice without a gap", "glue every word to a copy of itself"),
    _on.map("words_mark", "w + $sep", "append $sep to each word", "put $sep at the end of every word", sep="separator"),
    _on.map("words_no_vowels", "''.join(c for c in w if c not in 'aeiouAEIOU')", "remove the vowels from each word", "drop all vowels of every word"),
    _on.map("words_sort_letters", "''.join(sorted(w))", "sort the letters of each word", "put the letters within every word in order"),
    _on.map("words_lengths", "len(w)", "replace each word by its length", "list the lengths of the words", target=Kind.INTS),
    _on.map("words_vowel_counts", "sum(1 for c in w if c in 'aeiouAEIOU')", "replace each word by its number of vowels", "count the vowels of every word", target=Kind.INTS),
    _on.map("words_count_letter", "w.count($a)", "replace each word by how often it holds $a", "count $a in every word", target=Kind.INTS, a="letter"),
    _on.filter("words_longer", "len(w) > $k", "keep the words longer than $k letters", "drop every word of at most $k letters", k=(2, 4)),
    _on.filter("words_shorter", "len(w) < $k", "keep the words shorter than $k letters", "drop every word of at least $k letters", k=(4, 6)),
    _on.filter("words_with", "$a in w", "keep the words that contain $a", "drop every word without $a", a="letter"),
    _on.filter("words_without", "$a not in w", "keep the words that do not contain $a", "drop every word with $a in it", a="letter"),
    _on.filter("words_vowel_start", "w[:1] in tuple('aeiouAEIOU')", "keep the words that start with a vowel", "drop every word that does not begin with a vowel"),
    _on.filter("words_even_length", "len(w) % 2 == 0", "keep the words of even length", "drop every word with an odd number of letters"),
    _on.filter("words_palindromes", "w == w[::-1]", "keep the words that read the same backwards", "drop every word that is not a palindrome"),
    _on.whole("words_sort", Kind.WORDS, "sorted($v)", "sort the words", "put the words in alphabetical order by character code"),
    _on.whole("words_sort_desc", Kind.WORDS, "sorted($v, reverse=True)", "sort the words in reverse order", "put the words in descending alphabetical order"),
    _on.whole("words_sort_length", Kind.WORDS, "sorted($v, key=len)", "sort the words by length, keeping ties in order", "order the words from shortest to longest, ties as they stand"),
    _on.whole("words_sort_last", Kind.WORDS, "sorted($v, key=lambda w: w[-1:])", "sort the words by their last letter, keeping ties in order", "order the words by final letter, ties as they stand"),
    _on.whole("words_reverse", Kind.WORDS, "$v[::-1]", "reverse the list", "put the words in the opposite order"),
    _on.whole("words_unique", Kind.WORDS, "list(dict.fromkeys($v))", "remove duplicates, keeping first occurrences", "keep only the first occurrence of each word"),
    _on.whole("words_take", Kind.WORDS, "$v[:$k]", "take the first $k words", "keep only the first $k words", k=(2, 4)),
    _on.whole("words_skip", Kind.WORDS, "$v[$k:]", "drop the first $k words", "skip the first $k words", k=(1, 2)),
    _on.whole("words_even_index", Kind.WORDS, "$v[::2]", "take every second word, starting with the first", "keep the words at even positions, counting from zero"),
    _on.whole("words_rotate", Kind.WORDS, "$v[1:] + $v[:1]", "move the first word to the end", "rotate the list to the left by one"),
    _on.whole("words_count", Kind.INT, "len($v)", "count the words", "find how many words there are"),
    _on.whole("words_total", Kind.INT, "sum(len(w) for w in $v)", "add up the lengths of the words", "count the letters of all words together"),
    _on.whole("words_longest", Kind.INT, "max((len(w) for w in $v), default=0)", "find the length of the longest word", "compute how long the longest word is, 0 if there is none"),
    _on.whole("words_distinct", Kind.INT, "len(set($v))", "count the distinct words", "find how many different words there are"),
    _on.whole("words_count_with", Kind.INT, "sum(1 for w in $v if $a in w)", "count the words that contain $a", "find how many words have $a in them", a="letter"),
    _on.whole("words_join", Kind.TEXT, "$sep.join($v)", "join the words with $sep", "glue the words together with $sep between them", sep="separator"),
    _on.whole("words_concat", Kind.TEXT, "''.join($v)", "glue the words together without a gap", "join the words with nothing between them"),
    _on.whole("words_sentence", Kind.TEXT, "' '.join($v)", "join the words with spaces", "write the words as one text with single spaces"),
    _on.whole("words_initials", Kind.TEXT, "''.join(w[:1] for w in $v)", "join the first letters of the words", "build the text of the initials"),
    _on.whole("words_longest_word", Kind.TEXT, "max($v, key=len, default='')", "find the longest word, the first on a tie, or empty text", "take the first word of greatest length, empty text for no words"),
    _on.whole("words_shortest_word", Kind.TEXT, "min($v, key=len, default='')", "find the shortest word, the first on a tie, or empty text", "take the first word of least length, empty text for no words"),
    _on.whole("words_first", Kind.TEXT, "min($v, default='')", "find the word that comes first in the alphabet, or empty text", "take the smallest word by character code, empty text for no words"),
    _on.whole("words_last", Kind.TEXT, "$v[-1] if $v else ''", "take the last word, or empty text if there is none", "pick the word at the end, empty text for no words"),
    _on.whole("words_all_longer", Kind.BOOL, "all(len(w) > $k for w in $v)", "check whether all words are longer than $k letters", "tell whether no word has $k letters or fewer", k=(2, 3)),
    _on.whole("words_any_with", Kind.BOOL, "any($a in w for w in $v)", "check whether any word contains $a", "tell whether $a occurs in some word", a="letter"),
    _on.whole("words_is_sorted", Kind.BOOL, "$v == sorted($v)", "check whether the words are in alphabetical order", "tell whether the list is sorted"),
    _on.whole("words_has_duplicates", Kind.BOOL, "len(set($v)) < len($v)", "check whether any word occurs twice", "tell whether the list has duplicates"),
)  # fmt: skip
