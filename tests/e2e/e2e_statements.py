"""What the tests ask for."""

SMALL_FULL = "full:drafts=2,plans=0,variants=0,tests=1,repairs=1,views=0"

EASY = """Given a list of integers nums, keep only the even numbers. Return the result.
Signature: def solve(nums: list[int]) -> list[int]:
solve([1, 2, 4]) == [2, 4]
solve([6, 3, 8, 5]) == [6, 8]
"""

ENDLESS = """Given a list of integers nums, keep only the even numbers, then square each number. Return the result.
Signature: def solve(nums: list[int]) -> list[int]:
solve([1, 2]) == [4]
solve([1, 2]) == [5]
"""
"""No program passes both examples: the search goes through all its rounds."""
