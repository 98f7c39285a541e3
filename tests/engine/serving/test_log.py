"""A log that is bounded, read from its end, and followed over its turns."""

from __future__ import annotations

import resource
from pathlib import Path

from atlas.engine.serving.log import BoundedLog, follow, tail


def said(lines: list[str]) -> list[str]:
    return [line.partition(" ")[2].partition(" ")[2] for line in lines]


def test_only_the_newest_lines_are_kept(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path, most_bytes=2000)
    for i in range(500):
        log.write(f"line {i}")
    log.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 4000
    assert said(tail(tmp_path, 3)) == ["line 497", "line 498", "line 499"]
    kept = said(tail(tmp_path, 1000))
    assert kept == [f"line {i}" for i in range(500 - len(kept), 500)]
    assert len(kept) > 40  # both files


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for i in range(2):
        log = BoundedLog(tmp_path)
        log.write(f"start {i}")
        log.close()
    assert said(tail(tmp_path, 10)) == ["start 0", "start 1"]


def test_nothing_commands_the_terminal(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path)
    log.write("a\x1b]0;owned\x07b\x9b31m\tc")
    log.close()
    assert said(tail(tmp_path, 1)) == ["a]0;ownedb31m c"]


def test_following_over_a_turn_until_the_end(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path, most_bytes=300)
    for i in range(4):
        log.write(f"old {i}")
    left = iter(range(20))

    def lives() -> bool:  # writes while it is followed
        i = next(left, None)
        if i is not None:
            log.write(f"new {i}")
        return i is not None

    assert said(list(follow(tmp_path, lives, 2))) == ["old 2", "old 3", *(f"new {i}" for i in range(20))]
    log.close()


def test_a_full_disk_costs_lines_alone(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        for i in range(20):
            log.write(f"line {i}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "log").stat().st_size <= 100
    log.write("room again")
    log.close()
    assert said(tail(tmp_path, 1)) == ["room again"]


def test_following_nothing(tmp_path: Path) -> None:
    assert list(follow(tmp_path, lambda: True, 5)) == []
