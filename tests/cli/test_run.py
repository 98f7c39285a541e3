"""``atlas run`` as a user meets it: the real command, the real sandbox."""

import json
import shutil
import sys

import pytest
from atlas_command import Atlas

from atlas.sandbox.canary import TIERS

ADD = """
def add(a, b):
    return a + b
if __name__ == "__main__":
    print(add(*map(int, input().split())))
"""


@pytest.fixture
def program(atlas: Atlas) -> str:
    (atlas.cwd / "add.py").write_text(ADD)
    (atlas.cwd / "case.txt").write_text("20 22\n")
    (atlas.cwd / ".hidden").write_text("")
    return "add.py"


def test_what_a_program_prints_goes_to_standard_output(atlas: Atlas, program: str):
    ended = atlas.run("run", program, "--input", "3 4", "--input", "@case.txt")
    assert (ended.status, ended.out) == (0, "7\n42\n")
    assert ended.err.count("ok (") == 2


def test_calls_show_what_they_return(atlas: Atlas, program: str):
    ended = atlas.run("run", program, "--call", "add(1, 2)", "--call", "add('a', 'b')")
    assert (ended.status, ended.out) == (0, "add(1, 2) = 3\nadd('a', 'b') = 'ab'\n")


def test_a_failure_is_told_and_sets_the_exit_status(atlas: Atlas, program: str):
    ended = atlas.run("run", program, "--call", "add(1, 2)", "--call", "add(1, 'b')", "--json")
    assert ended.status == 1
    told = json.loads(ended.out)
    one, other = told["executions"]
    assert (one["status"], one["value"], one["error"]) == ("ok", "3", "")
    assert (other["status"], other["line"]) == ("exception", 3)
    assert other["error"].startswith("TypeError")
    assert told["tier"] in TIERS
    assert 0 < one["cpu_s"] < 2
    assert one["peak_mb"] > 1


def test_no_box_at_all_must_be_asked_for_and_is_warned_of(atlas: Atlas, program: str):
    ended = atlas.run("run", program, "--call", "add(1, 2)", "--sandbox", "unsafe", "--json")
    assert (ended.status, json.loads(ended.out)["tier"]) == (0, "unsafe")
    assert ended.err.count("\n") == ended.err.count("WARNING: --sandbox unsafe") == 1


def test_a_loop_ends_at_its_limit(atlas: Atlas):
    (atlas.cwd / "loop.py").write_text("while True: pass")
    ended = atlas.run("run", "loop.py", "--cpu", "200ms", "--input", "")
    assert ended.status == 1
    assert "cpu limit" in ended.err


def test_a_program_sees_nothing_of_the_user(atlas: Atlas):
    (atlas.cwd / "secret.txt").write_text("secret")
    path = str(atlas.cwd / "secret.txt")
    (atlas.cwd / "peek.py").write_text(f"import os\nprint(len(os.environ))\nprint(open({path!r}).read())")
    ended = atlas.run("run", "peek.py", "--input", "")
    assert (ended.status, ended.out) == (1, "0\n")
    assert "secret" not in ended.out


def test_packages_of_an_environment(atlas: Atlas):
    (atlas.cwd / "use.py").write_text("import numpy\nprint(int(numpy.arange(4).sum()))")
    ended = atlas.run("run", "use.py", "--packages", sys.prefix, "--preload", "numpy", "--input", "")
    assert (ended.status, ended.out) == (0, "6\n"), ended.err


def test_files_go_in_and_come_out(atlas: Atlas):
    (atlas.cwd / "data").mkdir()
    (atlas.cwd / "data" / "rows.csv").write_bytes(b"1\xff")
    (atlas.cwd / "use.py").write_text(
        "import os\ntext = open('rows.csv', 'rb').read() + input().encode()\nos.mkdir('out')\n"
        "open('out/sum', 'wb').write(text)\nos.symlink('/etc/passwd', 'link')\nprint('done')"
    )
    asked = ["run", "use.py", "--file", "data/rows.csv", "--scratch"]
    ended = atlas.run(*asked, "one", "--input", "2")
    assert (ended.status, ended.out) == (0, "done\n"), ended.err
    assert "1 file kept and 1 left out" in ended.err
    assert (atlas.cwd / "one" / "out" / "sum").read_bytes() == b"1\xff2"
    assert [p.name for p in (atlas.cwd / "one").iterdir()] == ["out"]
    ended = atlas.run(*asked, "two/deep", "--input", "2", "--input", "3", "--json")
    told = json.loads(ended.out)["executions"]
    assert [(e["files"], e["left_out"]) for e in told] == [(["out/sum"], 1)] * 2
    assert [(atlas.cwd / "two/deep" / n / "out/sum").read_bytes() for n in "12"] == [b"1\xff2", b"1\xff3"]


def test_a_folder_with_something_in_it_is_not_written_to(atlas: Atlas, program: str):
    (atlas.cwd / "full").mkdir()
    (atlas.cwd / "full" / "mine").write_text("mine")
    (atlas.cwd / "empty").mkdir()
    (atlas.cwd / "link").symlink_to("empty")
    for folder in ("full", "link", program):
        ended = atlas.run("run", program, "--input", "1 2", "--scratch", folder)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert folder in ended.err
    assert [p.name for p in (atlas.cwd / "full").iterdir()] == ["mine"]
    assert atlas.run("run", program, "--input", "1 2", "--scratch", "empty").status == 0


def test_a_large_file_needs_room(atlas: Atlas):
    (atlas.cwd / "large.py").write_text("open('x', 'w').write('x' * (3 << 20))")
    ended = atlas.run("run", "large.py", "--input", "", "--scratch", "cut")
    assert ended.status == 1
    assert "output limit" in ended.err
    assert atlas.run("run", "large.py", "--input", "", "--scratch", "whole", "--output", "4").status == 0
    assert (atlas.cwd / "whole" / "x").stat().st_size == 3 << 20


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.py"], "nowhere.py cannot be read"),
        (["add.py", "--call", "add(x)"], "is no call with plain values"),
        (["add.py", "--call", "add(1, b=2)"], "is no call with plain values"),
        (["add.py", "--call", "add(1)", "--call", "sub(1)"], "of one function"),
        (["add.py", "--call", "add(1)", "--input", "1"], "--input or --call"),
        (["add.py", "--preload", "numpy"], "--packages"),
        (["add.py", "--packages", "."], "no virtual environment"),
        (["add.py", "--input", "@nowhere"], "nowhere cannot be read"),
        (["add.py", "--input", "1", "--sandbox", "cardboard"], "no sandbox tier"),
        (["-"], "must be given"),
        (["add.py", "--input", "1", "--file", "nowhere"], "nowhere cannot be read"),
        (["add.py", "--input", "1", "--file", "."], "cannot be read"),
        (["add.py", "--input", "1", "--file", "add.py", "--file", "./add.py"], "Two files are called add.py"),
        (["add.py", "--input", "1", "--file", ".hidden"], "no name for a file"),
    ],
)
def test_bad_input_is_one_sentence(atlas: Atlas, program: str, arguments: list[str], told: str):
    ended = atlas.run("run", *arguments)
    assert ended.status == 2
    assert told in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash is on PATH")
def test_another_language_goes_by_the_files_ending(atlas: Atlas):
    (atlas.cwd / "add.sh").write_text("read a b\necho $((a + b))\nexit 3\n")
    ended = atlas.run("run", "add.sh", "--input", "20 22")
    assert (ended.status, ended.out) == (1, "42\n")
    assert "exit status 3" in ended.err
    refused = atlas.run("run", "add.sh", "--call", "add(1)")
    assert (refused.status, refused.out) == (2, "")


def test_a_language_without_its_tools_is_refused(atlas: Atlas):
    (atlas.cwd / "add.go").write_text("package main\n")
    ended = atlas.run("run", "add.go", "--input", "1", PATH=str(atlas.tmp))
    assert ended.status == 2
    assert "install Go" in ended.err
