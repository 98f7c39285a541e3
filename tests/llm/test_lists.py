"""Lists in replies, as models write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.llm.parse import extract_list


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("- one\n- two", ("one", "two")),
        ("* one\n* two", ("one", "two")),
        ("• one\n• two", ("one", "two")),
        ("1. one\n2. two\n10. ten", ("one", "two", "ten")),
        ("1) one\n2) two", ("one", "two")),
        ("(1) one\n(2) two", ("one", "two")),
        ("Here they are:\n\n- one\n- two\n\nI hope that helps.", ("one", "two")),
        ("```\n- one\n- two\n```", ("one", "two")),
        ("```text\n1. one\n2. two\n```\nDone.", ("one", "two")),
        ("- one\n  goes on\n- two", ("one goes on", "two")),
        ("- one\ngoes on\n- two", ("one goes on", "two")),
        ("- one\n\n  goes on\n\n- two", ("one goes on", "two")),
        ("1. **Order**: sort first.\n2. **Ends** - both count.", ("Order: sort first.", "Ends - both count.")),
        ("1.**Order** matters\n2.**Ends** count", ("Order matters", "Ends count")),
        ("- one\n    - inner\n- two", ("one inner", "two")),
        ("  - one\n  - two", ("one", "two")),
        ("<think>\n- not this\n</think>\n- this", ("this",)),
        ("- one\n- one\n- two", ("one", "two")),
        ("# Observations\n- one\n## More\nprose\n- two", ("one", "two")),
        ("- a * b is kept, and 2**3**4 too", ("a * b is kept, and 2**3**4 too",)),
        ("- one\n---\nprose", ("one",)),
        ("-5 is the answer", ()),
        ("3.5 is the answer", ()),
        ("I see nothing to list.\nReally.", ()),
        ("", ()),
        ("-", ()),
        ("- one\r\n- two\r\n", ("one", "two")),
    ],
)
def test_items_are_found(reply: str, expected: tuple[str, ...]) -> None:
    assert extract_list(reply) == expected


def test_items_are_bounded() -> None:
    many = extract_list("\n".join(f"- item {i}" for i in range(10_000)))
    assert len(many) == 64
    (long,) = extract_list("- " + "x" * 10**6)
    assert len(long) == 2000


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="-*•1.2) \n\t#`ab_", max_size=200))
def test_no_text_upsets_it(text: str) -> None:
    assert all(item and item == item.strip() for item in extract_list(text))
