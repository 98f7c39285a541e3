"""``atlas up``, ``ps``, ``logs`` and ``down`` with real engines: what is started answers, what is stopped is gone."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from atlas_command import Atlas, Ended, Started, adopting, descendants, eventually
from tiny_model import write_tiny_model

from atlas.cli.options import choose
from atlas.engine.nano import model_path

PLAIN = ("--draft", "none", "--parallel", "2")


@pytest.fixture
def atlas(tmp_path: Path) -> Iterator[Atlas]:
    """The command; whatever its test leaves running is stopped."""
    with adopting():
        atlas = Atlas(tmp_path)
        yield atlas
        if list(atlas.home.glob("engines/*")):
            atlas.run("down", "--all")
            assert atlas.left_behind() == []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture
def fake(atlas: Atlas) -> Path:
    """A stand-in for llama-server, and the file that it waits for before it starts."""
    path = atlas.folder / "llama-server"
    source = Path(__file__).parents[1] / "engine" / "fake_llama_server.py"
    path.write_text(f"#!{sys.executable}\n{source.read_text()}")
    path.chmod(0o755)
    awaited = atlas.folder / "go"
    atlas.variables.update(ATLAS_LLAMA_SERVER=str(path), FAKE_WAITS_FOR=str(awaited))
    return awaited


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def up(atlas: Atlas, *words: object) -> dict[str, Any]:
    ended = atlas.run("up", *words, *PLAIN, "--json")
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def ps(atlas: Atlas) -> list[dict[str, Any]]:
    ended = atlas.run("ps", "--json")
    assert ended.status == 0, ended.err
    return json.loads(ended.out)["engines"]


def record(atlas: Atlas) -> dict[str, Any]:
    """What its keeper wrote of the one server, or nothing; quicker to wait for than `atlas ps`."""
    return next((json.loads(path.read_text()) for path in atlas.home.glob("engines/*/engine.json")), {})


def runs(atlas: Atlas, restarts: int) -> bool:
    found = record(atlas)
    return (found["state"], found["restarts"]) == ("running", restarts)


def completion(url: str) -> str:
    """How a reply ends that has more to say than it may."""
    body = {"messages": [{"role": "user", "content": "Write a Python function that sorts numbers."}], "max_tokens": 4}
    with httpx.Client(trust_env=False, verify=False, timeout=60) as client:
        reply = client.post(f"{url}/v1/chat/completions", json=body)
    assert reply.status_code == 200
    return reply.json()["choices"][0]["finish_reason"]


def nothing_left(atlas: Atlas, port: int) -> None:
    assert ps(atlas) == []
    assert list((atlas.home / "engines").iterdir()) == []
    assert atlas.left_behind() == []
    with socket.create_server(("127.0.0.1", port)):
        pass


def refused(ended: Ended, *said: str) -> None:
    assert ended.status == 2, ended
    assert "Traceback" not in ended.err
    assert ended.out == ""
    for words in said:
        assert words in ended.last_words


def test_from_up_over_a_crash_to_down(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    ended = atlas.run("up", "--port", port, *PLAIN)
    assert ended.status == 0, ended.err
    url = f"http://127.0.0.1:{port}"
    assert ended.out == f"{url}/v1\n"
    assert "nano Q8_0 in xllamacpp" in ended.err
    assert f"curl {url}/v1/chat/completions" in ended.err
    assert completion(url) == "length"

    (entry,) = ps(atlas)
    expected = {"name": "nano", "state": "running", "port": port, "restarts": 0, "slots": 2, "cache": "f16"}
    assert entry.items() >= expected.items()
    assert entry["flash_attention"] in ("enabled", "disabled")
    assert entry["memory_bytes"] > model_path().stat().st_size
    assert "nano" in atlas.run("ps").out
    monkeypatch.setenv("ATLAS_HOME", str(atlas.home))
    assert choose("", "nano", "auto", 8, None, None, None, None).url == url

    os.kill(entry["pid"], signal.SIGKILL)
    eventually(lambda: runs(atlas, 1), "a restart")
    assert completion(url) == "length"
    (again,) = ps(atlas)
    assert again["pid"] != entry["pid"]
    assert again["keeper_pid"] == entry["keeper_pid"]
    said = atlas.run("logs", "nano", "-n", 10_000).out
    assert "The engine died of SIGKILL; it is started again in 0.5 s" in said
    assert len(atlas.run("logs", "nano", "-n", 3).out.splitlines()) == 3

    with atlas.start("logs", "nano", "-f") as following:
        eventually(following.out.read_text, "a line of log")
        stopped = atlas.run("down", "nano")
        assert stopped.out == f"nano is stopped; port {port} is free\n"
        assert following.end().status == 0
    nothing_left(atlas, port)


def test_a_refused_cache_and_three_crashes_in_a_minute(atlas: Atlas, tiny: Path) -> None:
    entry = up(atlas, tiny, "--kv", "q8_0")  # its heads are half a block of q8_0
    assert entry["cache"] == "f16"
    (note,) = entry["notes"]
    assert note.startswith("The engine refuses a cache of type q8_0, so f16 is used: ")
    assert "block size 32" in note
    port = entry["port"]
    for restarts in range(3):
        eventually(lambda: runs(atlas, restarts), "a start")  # noqa: B023
        os.kill(record(atlas)["engine"]["pid"], signal.SIGKILL)
    eventually(lambda: record(atlas)["state"] == "failed", "giving up")
    (entry,) = ps(atlas)
    assert "died of SIGKILL, 3 times in a minute, and is not started again; its last line: " in entry["error"]
    assert entry["restarts"] == 2
    assert entry["error"] in atlas.run("ps").out
    assert atlas.left_behind() == []
    refused(atlas.run("solve", "Add. def solve(a: int) -> int:", "--endpoint", "tiny"), "tiny is failed")
    assert atlas.run("down", "tiny").status == 0
    nothing_left(atlas, port)


def test_two_at_the_same_time_on_one_port_and_a_third_on_another(atlas: Atlas, tiny: Path) -> None:
    damaged = atlas.home / "engines" / "a"
    damaged.mkdir(parents=True)
    (damaged / "engine.json").write_text('{"name": "a"')
    assert ps(atlas) == []
    port = free_port()
    with (
        atlas.start("up", tiny, "--name", "a", "--port", port, *PLAIN) as one,
        atlas.start("up", tiny, "--name", "b", "--port", port, *PLAIN) as other,
    ):
        ends = [one.end(), other.end()]
    assert sorted(ended.status for ended in ends) == [0, 2]
    (lost,) = (ended for ended in ends if ended.status == 2)
    assert f"Port {port} is in use by the engine" in lost.last_words
    (first,) = ps(atlas)
    assert first["state"] == "running"

    second = up(atlas, "--name", "other", "--kv", "q8_0")
    assert second["port"] != port
    assert (first["cache"], second["cache"]) == ("f16", "q8_0")
    assert [entry["name"] for entry in ps(atlas)] == [first["name"], "other"]
    for entry in (first, second):
        assert completion(entry["url"]) == "length"
    refused(atlas.run("up", "--name", "other", *PLAIN), "An engine called other is running", "atlas down other")
    assert json.loads(atlas.run("down", "--all", "--json").out) == {"stopped": [first["name"], "other"]}
    nothing_left(atlas, port)


def starting(atlas: Atlas, started: Started) -> int:
    """Wait until the engine is being started; its process id."""

    def engine() -> list[int]:
        assert started.process.poll() is None, started.end().err
        below = descendants(record(atlas)["keeper"]["pid"]) if record(atlas) else []
        return [pid for pid in below if b"llama-server" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    return eventually(engine, "the start of an engine")[0]


@pytest.mark.parametrize("how", ["ctrl-c", "down", "kill"])
def test_ended_while_it_starts(atlas: Atlas, tiny: Path, fake: Path, how: str) -> None:
    port = free_port()
    with atlas.start("up", tiny, "--engine", "llama-server", "--port", port, *PLAIN) as started:
        starting(atlas, started)
        assert record(atlas)["state"] == "starting"
        if how == "ctrl-c":
            started.interrupt()
        elif how == "kill":
            started.process.kill()
        else:
            assert atlas.run("down", "tiny").status == 0
        ended = started.end()
    assert ended.status == {"ctrl-c": 130, "down": 2, "kill": -9}[how]
    assert "Traceback" not in ended.err
    if how == "down":
        assert "tiny ended while it started" in ended.last_words
    eventually(lambda: not record(atlas), "the end")
    nothing_left(atlas, port)


def test_the_engine_dies_with_its_supervisor(atlas: Atlas, tiny: Path, fake: Path) -> None:
    fake.touch()
    entry = up(atlas, tiny, "--engine", "llama-server")
    assert entry["engine"] == "llama-server"
    assert entry["command"][1:3] == ["--model", str(tiny)]
    assert completion(entry["url"]) == "length"
    os.kill(entry["keeper_pid"], signal.SIGKILL)
    assert atlas.left_behind() == []
    (gone,) = ps(atlas)
    assert (gone["state"], gone["pid"], gone["memory_bytes"]) == ("gone", None, None)
    assert "supervisor was killed" in gone["error"]
    # What is left is no hindrance.
    assert up(atlas, tiny, "--engine", "llama-server")["state"] == "running"


def test_a_draft_is_measured_and_kept_if_it_pays(atlas: Atlas, tiny: Path) -> None:
    small = write_tiny_model(atlas.folder / "small.gguf", layers=1)
    words = ("up", tiny, "--draft", small, "--parallel", 1, "--context", 512)
    asked = json.loads(atlas.run(*words, "--no-measure-draft", "--json").out)
    assert (asked["draft"], asked["draft_measured"]) == (str(small), None)
    assert atlas.run("down", "tiny").status == 0
    measured = atlas.run(*words)
    assert measured.status == 0, measured.err
    assert "measuring without the draft\nmeasuring with the draft" in measured.err
    used = "it is used." in measured.err
    assert used != ("it is left out." in measured.err)
    assert ps(atlas)[0]["draft"] == (str(small) if used else None)
    (kept,) = json.loads((atlas.home / "drafts.json").read_text()).values()
    assert kept["guessed"] > 0
    costs = zip(kept["plain_cost"], kept["drafted_cost"], strict=True)
    assert (statistics.median(plain / drafted for plain, drafted in costs) > 1) == used


def another_vocabulary(atlas: Atlas) -> Path:
    return write_tiny_model(atlas.folder / "other.gguf", layers=1, merges=("th", "in", "er", "re", "on", "ab"))


BAD: dict[str, tuple[Callable[[Atlas, Path], tuple[object, ...]], str]] = {
    "a draft of another vocabulary": (
        lambda atlas, tiny: (tiny, "--draft", another_vocabulary(atlas)),
        "another vocabulary",
    ),
    "a context that it was not trained for": (lambda atlas, tiny: (tiny, "--context", "2k"), "1024 tokens of context"),
    "the same of the shipped model": (lambda atlas, tiny: ("--context", "2k"), "1024 tokens of context"),
    "no such model": (lambda atlas, tiny: ("qwen3-99b",), "did you mean"),
    "no such file": (lambda atlas, tiny: ("none.gguf",), "cannot be read"),
    "a model that was not downloaded": (lambda atlas, tiny: ("qwen3-0.6b",), "`atlas pull qwen3-0.6b:Q8_0`"),
    "a repository's file": (lambda atlas, tiny: ("owner/some-GGUF:Q6_K",), "`atlas pull owner/some-GGUF:Q6_K`"),
    "too large": (lambda atlas, tiny: ("qwen2.5-coder-32b", "--context", "32k", "--parallel", "256"), "does not fit"),
    "a name with a path in it": (lambda atlas, tiny: (tiny, "--name", "../x"), "no name for an engine"),
    "no llama-server": (lambda atlas, tiny: (tiny, "--engine", "llama-server"), "no llama-server on PATH"),
    "a low port": (lambda atlas, tiny: (tiny, "--port", "80"), "80"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(atlas: Atlas, tiny: Path, case: str) -> None:
    words, said = BAD[case]
    refused(atlas.run("up", *words(atlas, tiny), PATH="/nowhere"), said)
    assert not list(atlas.home.glob("engines/*"))


def test_a_port_that_another_program_has(atlas: Atlas, tiny: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        refused(atlas.run("up", tiny, "--port", port, *PLAIN), f"Port {port} is in use by another program")
    assert not list(atlas.home.glob("engines/*"))


def test_a_model_that_the_engine_refuses(atlas: Atlas, tiny: Path) -> None:
    strange = atlas.cwd / "strange.gguf"
    strange.write_bytes(tiny.read_bytes().replace(b"llama", b"llamz"))
    refused(atlas.run("up", strange, *PLAIN), "unknown model architecture: 'llamz'")
    assert not list(atlas.home.glob("engines/*"))


def test_what_is_not_there(atlas: Atlas) -> None:
    assert "No engine runs" in atlas.run("ps").out
    refused(atlas.run("down", "nano"), "No engine is called 'nano' (none runs)")
    damaged = atlas.home / "engines" / "nano"
    damaged.mkdir(parents=True)
    assert "left of an accident" in atlas.run("down", "nano").out
    assert not damaged.exists()
    refused(atlas.run("logs", "nano"), "No engine is called 'nano'")
    refused(atlas.run("down"), "--all")
    refused(atlas.run("down", "nano", "--all"), "--all")
    assert "No engine runs" in atlas.run("down", "--all").out
