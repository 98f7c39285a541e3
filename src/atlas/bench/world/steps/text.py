"""Steps that start from text."""

from __future__ import annotations

from typing import Final

from atlas.bench.world.kinds import Kind
from atlas.bench.world.primitive import Table

_on: Final = Table(Kind.TEXT)


STEPS: Final = (
    _on.map("text_double", "c * 2", "double each character", "write every character twice"),
    _on.map("text_star_vowels", "'*' if c in 'aeiouAEIOU' else c", "replace each vowel by a star", "hide every vowel behind '*'"),
    _on.map("text_shift", "chr((ord(c) - 97 + $k) % 26 + 97) if 'a' <= c <= 'z' else c", "shift each lowercase letter $k places on in the alphabet, wrapping round", "apply a Caesar shift of $k to the lowercase letters", k=(1, 5)),
    _on.map("text_replace", "$b if c == $a else c", "replace each $a by $b", "change every $a into $b", a="letter", b="separator"),
    _on.filter("text_no_vowels", "c not in 'aeiouAEIOU'", "remove the vowels", "drop every vowel", "delete all vowels"),
    _on.filter("text_only_vowels", "c in 'aeiouAEIOU'", "keep only the vowels", "drop everything but the vowels"),
    _on.filter("text_no_spaces", "c != ' '", "remove the spaces", "drop every space", "delete all blanks"),
    _on.filter("text_letters", "c.isalpha()", "keep only the letters", "drop every character that is not a letter"),
    _on.filter("text_digits", "c.isdigit()", "keep only the digits", "drop every character that is not a digit"),
    _on.filter("text_no_digits", "not c.isdigit()", "remove the digits", "drop every digit"),
    _on.filter("text_remove", "c != $a", "remove each $a", "drop every $a", "delete all occurrences of $a", a="letter"),
    _on.whole("text_upper", Kind.TEXT, "$v.upper()", "turn the text into upper case", "make all letters capital", "convert to uppercase"),
    _on.whole("text_lower", Kind.TEXT, "$v.lower()", "turn the text into lower case", "make all letters small", "convert to lowercase"),
    _on.whole("text_swapcase", Kind.TEXT, "$v.swapcase()", "swap upper and lower case", "flip the case of every letter"),
    _on.whole("text_title", Kind.TEXT, "' '.join(w.capitalize() for w in $v.split())", "capitalize each word", "make every word start with a capital and go on in small letters"),
    _on.whole("text_reverse", Kind.TEXT, "$v[::-1]", "reverse the text", "write the text backwards", "put the characters back to front"),
    _on.whole("text_sort", Kind.TEXT, "''.join(sorted($v))", "sort the characters", "put the characters in order of their codes"),
    _on.whole("text_unique", Kind.TEXT, "''.join(dict.fromkeys($v))", "keep the first occurrence of each character", "remove repeated characters after their first appearance"),
    _on.whole("text_head", Kind.TEXT, "$v[:$k]", "take the first $k characters", "keep only the first $k characters", k=(3, 8)),
    _on.whole("text_tail", Kind.TEXT, "$v[-$k:]", "take the last $k characters", "keep only the last $k characters", k=(3, 8)),
    _on.whole("text_skip", Kind.TEXT, "$v[$k:]", "drop the first $k characters", "skip the first $k characters", k=(1, 4)),
    _on.whole("text_even_index", Kind.TEXT, "$v[::2]", "keep every second character, starting with the first", "take the characters at even positions, counting from zero"),
    _on.whole("text_odd_index", Kind.TEXT, "$v[1::2]", "keep every second character, starting with the second", "take the characters at odd positions, counting from zero"),
    _on.whole("text_rotate", Kind.TEXT, "$v[$k:] + $v[:$k]", "move the first $k characters to the end", "rotate the text to the left by $k", k=(1, 4)),
    _on.whole("text_mirror", Kind.TEXT, "$v + $v[::-1]", "append the reversed text to the text", "follow the text by its mirror image"),
    _on.whole("text_reverse_words", Kind.TEXT, "' '.join($v.split()[::-1])", "reverse the order of the words", "write the words in the opposite order"),
    _on.whole("text_flip_words", Kind.TEXT, "' '.join(w[::-1] for w in $v.split())", "reverse each word in place", "write every word backwards, keeping the order of the words"),
    _on.whole("text_sort_words", Kind.TEXT, "' '.join(sorted($v.split()))", "sort the words", "put the words in alphabetical order by character code"),
    _on.whole("text_initials", Kind.TEXT, "''.join(w[0] for w in $v.split())", "take the first letter of each word", "build the text of the initials of the words"),
    _on.whole("text_join_words", Kind.TEXT, "$sep.join($v.split())", "join the words with $sep", "put $sep between the words instead of spaces", sep="separator"),
    _on.whole("text_length", Kind.INT, "len($v)", "count the characters", "find the length of the text", "compute how long the text is"),
    _on.whole("text_count_vowels", Kind.INT, "sum(1 for c in $v if c in 'aeiouAEIOU')", "count the vowels", "find how many vowels there are"),
    _on.whole("text_count", Kind.INT, "$v.count($a)", "count how often $a occurs", "find the number of times $a appears", a="letter"),
    _on.whole("text_count_words", Kind.INT, "len($v.split())", "count the words", "find how many words there are"),
    _on.whole("text_count_distinct", Kind.INT, "len(set($v))", "count the distinct characters", "find how many different characters there are"),
    _on.whole("text_count_upper", Kind.INT, "sum(1 for c in $v if c.isupper())", "count the capital letters", "find how many letters are upper case"),
    _on.whole("text_digit_sum", Kind.INT, "sum(int(c) for c in $v if c.isdigit())", "add up the digits in the text", "compute the sum of its digits"),
    _on.whole("text_longest", Kind.INT, "max((len(w) for w in $v.split()), default=0)", "find the length of the longest word", "compute how long the longest word is"),
    _on.whole("text_alphabet_sum", Kind.INT, "sum(ord(c) - 96 for c in $v.lower() if 'a' <= c <= 'z')", "add up the alphabet positions of the letters, with a as 1", "compute the sum of letter values, a=1 to z=26"),
    _on.whole("text_find", Kind.INT, "$v.find($a)", "find the position of the first $a, counting from zero, or -1", "take the zero-based index of the first $a, -1 if absent", a="letter"),
    _on.whole("text_words", Kind.WORDS, "$v.split()", "split the text into words", "list the words"),
    _on.whole("text_chars", Kind.WORDS, "list($v)", "list the characters", "split the text into single characters"),
    _on.whole("text_word_lengths", Kind.INTS, "[len(w) for w in $v.split()]", "list the lengths of the words", "find how long each word is"),
    _on.whole("text_positions", Kind.INTS, "[i for i, c in enumerate($v) if c == $a]", "list the positions of $a, counting from zero", "find every zero-based index where $a stands", a="letter"),
    _on.whole("text_letter_values", Kind.INTS, "[ord(c) - 96 for c in $v if 'a' <= c <= 'z']", "list the alphabet positions of the lowercase letters, with a as 1", "turn the lowercase letters into numbers, a=1 to z=26"),
    _on.whole("text_is_palindrome", Kind.BOOL, "$v == $v[::-1]", "check whether the text reads the same backwards", "tell whether the text is a palindrome"),
    _on.whole("text_has", Kind.BOOL, "$a in $v", "check whether $a occurs in the text", "tell whether the text contains $a", a="letter"),
    _on.whole("text_starts_vowel", Kind.BOOL, "$v[:1] in tuple('aeiouAEIOU')", "check whether the text starts with a vowel", "tell whether its first character is a vowel"),
    _on.whole("text_all_distinct", Kind.BOOL, "len(set($v)) == len($v)", "check whether all characters are different", "tell whether no character repeats"),
)  # fmt: skip
