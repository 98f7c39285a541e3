from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.errors import ReplayError, UsageError
from atlas.search.wire import may_be_lent
from atlas.store import schema
from atlas.store.tape import Tape, canonical, digest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tape.sqlite"


def test_what_is_put_is_found_by_kind_and_key(path: Path) -> None:
    with Tape.open(path) as tape:
        tape.put("exchange", "p/0/draft/-/0", "d1", {"text": "x\ud800\x00é", "n": [1, 2.5, None]})
        tape.put("event", "p/0/draft/-/0", "d2", {"reached": True})
        assert tape.get("exchange", "p/0/draft/-/0", "d1") == {"text": "x\ud800\x00é", "n": [1, 2.5, None]}
        assert tape.get("event", "p/0/draft/-/0", "d2") == {"reached": True}
        assert tape.get("observation", "p/0/draft/-/0", "d1") is None
    with Tape.open(path, readonly=True) as again:
        assert again.get("exchange", "p/0/draft/-/0", "d1") == {"text": "x\ud800\x00é", "n": [1, 2.5, None]}


def test_a_finished_tape_is_one_file(path: Path) -> None:
    with Tape.open(path) as tape:
        tape.put("event", "k", "d", 1)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_another_question_is_a_divergence_that_names_the_key() -> None:
    with Tape.memory() as tape:
        tape.put("exchange", "p/1/repair/draft-0.3/0", "one", {})
        with pytest.raises(ReplayError, match=r"p/1/repair/draft-0\.3/0"):
            tape.get("exchange", "p/1/repair/draft-0.3/0", "two")


def test_the_same_again_is_no_change_and_other_content_is_refused() -> None:
    with Tape.memory() as tape:
        tape.put("event", "k", "d", {"a": 1, "b": 2})
        tape.put("event", "k", "d", {"b": 2, "a": 1})
        with pytest.raises(ReplayError, match="never overwritten"):
            tape.put("event", "k", "d", {"a": 2})
        with pytest.raises(ReplayError):
            tape.put("event", "k", "other", {"a": 1, "b": 2})
        assert tape.get("event", "k", "d") == {"a": 1, "b": 2}


def test_an_unfinished_tape_is_read_by_others_and_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model said is there for others at once, and after a kill; the rest when its batch is full."""
    monkeypatch.setattr("atlas.store.tape.COMMIT_EVERY_S", 3600)
    writer = Tape.open(path)
    writer.put("exchange", "a", "d", 1)
    writer.put("observation", "a", "d", 1)
    reader = Tape.open(path, readonly=True)
    assert [key for key, _ in reader.records("exchange")] == ["a"]
    assert list(reader.records("observation")) == []
    writer.put("exchange", "b", "d", 2)
    assert [key for key, _ in reader.records("observation")] == ["a"]
    reader.close()
    writer.close()
    with Tape.open(path) as resumed:
        resumed.put("exchange", "c", "d", 3)
        assert list(resumed.records("exchange")) == [("a", 1), ("b", 2), ("c", 3)]


def test_records_by_prefix_takes_the_prefix_literally() -> None:
    with Tape.memory() as tape:
        for key in ("p_1/0", "pX1/0", "p_1/1", "p_10"):
            tape.put("event", key, "d", key)
        assert [key for key, _ in tape.records("event", "p_1/")] == ["p_1/0", "p_1/1"]


def test_a_tape_opened_for_reading_records_nothing(path: Path) -> None:
    Tape.open(path).close()
    with Tape.open(path, readonly=True) as tape, pytest.raises(ReplayError, match="open for reading"):
        tape.put("event", "k", "d", 1)


async def test_tasks_and_threads_may_share_a_tape(path: Path) -> None:
    with Tape.open(path) as tape:
        await asyncio.gather(*(asyncio.to_thread(tape.put, "event", f"{i:03}", "d", i) for i in range(200)))
        assert [payload for _, payload in tape.records("event")] == list(range(200))


def test_migrations_bring_an_old_file_up_to_date(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert schema.version(connection) == 0
    connection.close()
    with Tape.open(path) as tape:
        tape.put("event", "k", "d", 1)
    connection = sqlite3.connect(path)
    assert schema.version(connection) == len(schema.MIGRATIONS)
    connection.close()


@pytest.mark.parametrize("readonly", [False, True])
def test_a_tape_of_the_future_is_refused(path: Path, readonly: bool) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(UsageError, match="newer version"):
        Tape.open(path, readonly=readonly)


@pytest.mark.parametrize("readonly", [False, True])
def test_what_is_no_tape_is_refused(path: Path, readonly: bool) -> None:
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(UsageError, match="can't be used as a tape"):
        Tape.open(path, readonly=readonly)


def test_reading_where_nothing_is_says_so(path: Path) -> None:
    with pytest.raises(UsageError, match="no tape"):
        Tape.open(path, readonly=True)
    assert not path.exists()


def test_an_empty_file_is_no_tape_to_replay(path: Path) -> None:
    path.touch()
    with pytest.raises(UsageError, match="no tape"):
        Tape.open(path, readonly=True)


def test_a_folder_is_no_tape(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be used as a tape"):
        Tape.open(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(JSON)
def test_any_json_comes_back_as_it_was(data: object) -> None:
    with Tape.memory() as tape:
        tape.put("event", "k", digest(data), data)
        assert canonical(tape.get("event", "k", digest(data))) == canonical(data)


def test_a_tape_takes_over_what_a_lender_has_for_the_same_question(path: Path, tmp_path: Path) -> None:
    reply, seen = {"outcome": "reply", "reply": "r"}, [{"status": "ok"}]
    with Tape.open(tmp_path / "lender") as lender:
        lender.put("exchange", "same", "d", reply)
        lender.put("exchange", "other", "d", reply)
        lender.put("exchange", "failed", "d", {"outcome": "failed", "error": "down"})
        lender.put("exchange", "cut", "d", {"outcome": "cut", "sent": True})
        lender.put("observation", "same", "d", seen)
        lender.put("observation", "cut", "d", [])
        lender.put("event", "same", "d", {"a": 1})
        lender.put("observation", "busy", "d", [{"status": "ok"}, {"status": "wall_limit"}])
    with (
        Tape.open(tmp_path / "lender", readonly=True) as lender,
        Tape.open(path, lenders=[lender], lent=may_be_lent) as tape,
    ):
        tape.put("exchange", "own", "d", {"outcome": "reply", "reply": "mine"})
        assert tape.get("exchange", "same", "d") == reply
        assert tape.get("observation", "same", "d") == seen
        assert tape.get("exchange", "other", "another question") is None
        assert [tape.get("exchange", key, "d") for key in ("failed", "cut")] == [None, None]
        assert [tape.get("observation", key, "d") for key in ("cut", "busy")] == [None, None]
        assert tape.get("event", "same", "d") is None  # what hung on the lender's clock
    with Tape.open(path, readonly=True) as tape:  # whole by itself
        assert [key for key, _ in tape.records("exchange")] == ["own", "same"]
        assert list(tape.records("observation")) == [("same", seen)]


def test_a_lender_changes_nothing_of_what_a_tape_has_itself(path: Path, tmp_path: Path) -> None:
    with Tape.open(tmp_path / "lender") as lender, Tape.open(path, lenders=[lender]) as tape:
        lender.put("exchange", "k", "d", {"outcome": "reply"})
        tape.put("exchange", "k", "another question", {"outcome": "reply"})
        with pytest.raises(ReplayError, match="another question"):
            tape.get("exchange", "k", "d")
