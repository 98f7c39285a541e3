"""Folders that programs made, removed without a mount: however deep, whatever their modes and links."""

import os
import socket
from pathlib import Path

import pytest

from atlas.sandbox.box import scratch


def deep(folder: Path, levels: int) -> None:
    """Make folders in folders, deeper than a path can say."""
    at = os.open(folder, os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


@pytest.fixture
def memory():
    """A folder where scratch folders are."""
    made = Path(scratch.make(os.getpid(), None))
    yield made
    scratch.remove(str(made))


@pytest.fixture
def hostile(memory):
    """A folder to empty, beside a file that is to stay."""
    (memory / "kept").write_text("kept")
    made = memory / "scratch"
    made.mkdir()
    yield made
    assert (memory / "kept").read_text() == "kept"
    assert list(made.iterdir()) == []


def test_folders_deeper_than_a_path(hostile):
    deep(hostile, 2500)
    scratch.empty(str(hostile))


def test_folders_that_nobody_may_enter(hostile):
    for name in ("a", "b"):
        inner = hostile / name / "inner" / "innermost"
        inner.mkdir(parents=True)
        (inner / "file").write_text("x")
        for folder in (inner, inner.parent, inner.parent.parent):
            folder.chmod(0)
    scratch.empty(str(hostile))


def test_links_are_not_followed(hostile):
    (hostile / "file").symlink_to(hostile.parent / "kept")
    (hostile / "folder").symlink_to(hostile.parent)
    (hostile / "inner").mkdir()
    (hostile / "inner" / "folder").symlink_to(hostile.parent)
    (hostile / "hard").hardlink_to(hostile.parent / "kept")
    scratch.empty(str(hostile))


def test_names_of_all_bytes_and_files_of_all_kinds(hostile, monkeypatch):
    for number in range(1, 256):
        if number not in b"./":
            open(os.fsencode(hostile) + b"/" + bytes([number]) * 255, "x").close()
    os.mkfifo(hostile / "fifo")
    monkeypatch.chdir(hostile)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        scratch.empty(str(hostile))


def test_what_is_too_much(memory):
    (memory / "a" / "b").mkdir(parents=True)
    assert not scratch.is_too_full(str(memory), 1 << 20)
    (memory / "a" / "b" / "file").write_bytes(bytes(1 << 20))
    assert scratch.is_too_full(str(memory), 1 << 20)
    assert not scratch.is_too_full(str(memory), 2 << 20)
    for number in range(20):
        (memory / f"empty{number}").touch()
    assert scratch.is_too_full(str(memory / "."), (1 << 20) + 20 * 4096)


def test_a_depth_beyond_measure_is_too_much(memory):
    deep(memory, 2100)
    assert scratch.is_too_full(str(memory), 1 << 40)


def test_folders_of_the_dead_are_swept(memory):
    place = Path(scratch.place())
    dead = place / f"{scratch.name(2**22 + 1)}x"  # beyond the largest process id
    (dead / "folder").mkdir(parents=True)
    kept = [memory, place / "atlas-box-evil", place / f"atlas-box-1-{2**22 + 1}-x"]
    for folder in kept[1:]:
        folder.mkdir()
    scratch.sweep()
    try:
        assert not dead.exists()
        assert all(folder.is_dir() for folder in kept)
    finally:
        for folder in kept[1:]:
            folder.rmdir()
