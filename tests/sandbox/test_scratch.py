"""Files that a program is given and those that it leaves, in every tier, and what a program may try with them."""
# ruff: noqa: E501  (programs in a table)

import asyncio
import os
import signal
from pathlib import Path

import pytest
from observed import children

from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Program, Sandbox, Status
from atlas.sandbox.cache import ResultCache
from atlas.sandbox.scratch import save

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(cpu_s=5.0, wall_s=60.0)
GIVEN = {"data.csv": b"1,2\n", "in/more.bin": bytes(range(256)), "in/deep/er": b""}


async def script(sandbox, code, files=None, limits=LIMITS, language="python"):
    """One execution that hands its files back; the next finds nothing of them."""
    (seen,) = await sandbox.run(Program(code, language=language), [Stdin("")], limits, files=files, keep_files=True)
    (after,) = await sandbox.run(Program("import os\nprint(os.listdir())"), [Stdin("")], limits, files={"a": b""})
    assert (after.status, after.stdout, after.files) == (Status.OK, "['a']\n", {})
    return seen


def below(sandbox):
    return children(sandbox._nursery._process.pid)


def folders(zygotes):
    """The scratch folders that are not mounted and belong to one of these processes."""
    found = [name for name in os.listdir("/dev/shm") if name.startswith("atlas-box-")]
    return [name for name in found if int(name.split("-")[3]) in zygotes]


PROGRAMS = {
    "python": """
import os
assert open("data.csv").read() == "1,2\\n" and open("in/more.bin", "rb").read() == bytes(range(256))
open("data.csv", "a").write("3,4\\n")
os.makedirs("out/a")
open("out/a/x", "w").write("x")
os.remove("in/deep/er")
""",
    "bash": """
set -e
[ "$(cat data.csv)" = 1,2 ]; [ $(wc -c < in/more.bin) = 256 ]
echo 3,4 >> data.csv
mkdir -p out/a
printf x > out/a/x
rm in/deep/er
""",
}


@pytest.mark.parametrize("language", PROGRAMS)
async def test_files_go_in_and_what_is_new_or_changed_comes_out(sandbox, language):
    seen = await script(sandbox, PROGRAMS[language], GIVEN, language=language)
    assert seen.status is Status.OK, seen
    assert (seen.files, seen.left_out) == ({"data.csv": b"1,2\n3,4\n", "out/a/x": b"x"}, 0)


async def test_every_input_of_a_function_has_a_folder_of_its_own(sandbox):
    code = "import os\ndef f(x):\n    open(str(x), 'w').write(open('a').read() * x)\n    return sorted(os.listdir())"
    inputs = [Call((1,)), Call((2,))]
    seen = await sandbox.run(Program(code, "f"), inputs, LIMITS, files={"a": b"a"}, keep_files=True)
    assert [(s.value, s.files) for s in seen] == [(["1", "a"], {"1": b"a"}), (["2", "a"], {"2": b"aa"})]


async def test_nothing_comes_back_unasked(sandbox):
    program, wanted = Program("open('x', 'w')\nopen('a', 'w')"), (Status.OK, {}, 0)
    (seen,) = await sandbox.run(program, [Stdin("")], LIMITS, files={"a": b"1"})
    assert (seen.status, seen.files, seen.left_out) == wanted


@pytest.mark.parametrize("language", ["python", "bash"])
async def test_a_program_that_is_stopped_leaves_what_it_had_written(sandbox, language):
    loop = {"python": "open('x', 'w').write('1')\nwhile True: pass", "bash": "printf 1 > x\nwhile :; do :; done"}
    seen = await script(sandbox, loop[language], limits=Limits(cpu_s=0.2), language=language)
    assert (seen.status, seen.files) == (Status.CPU_LIMIT, {"x": b"1"})


@pytest.mark.skipif(not Path("/usr/bin/gcc").exists(), reason="no C compiler is here")
async def test_a_compiled_program_is_not_among_what_it_leaves(sandbox):
    code = '#include <stdio.h>\nint main() { fputs("x", fopen("y", "w")); }'
    seen = await script(sandbox, code, GIVEN, language="c")
    assert (seen.status, seen.files, seen.left_out) == (Status.OK, {"y": b"x"}, 0)


# name -> (what a Python program does, the names that come back, what is left out: a number, or None for any)
HOSTILE = {
    "links": ("[os.symlink(t, n) for n, t in {'a': '/etc/passwd', 'b': '/', 'c': 'c', 'd': 'x', 'e': '..'}.items()]\nopen('x', 'w')", {"x"}, 5),
    "a link in a folder's place": ("os.mkdir('a')\nopen('a/x', 'w')\nos.rename('a', 'b')\nos.symlink('b', 'a')", {"b/x"}, 1),
    "hidden": ("os.makedirs('.git/hooks')\nopen('.git/config', 'w')\nopen('.envrc', 'w')\nopen('x', 'w')", {"x"}, 2),
    "odd names": ("for n in (b'a\\nb', b'\\xff', b'\\x1b[2J', b'a\\\\b', '\\u202e'.encode(), b'..x', b'- '): open(n, 'x')", {"a\\b"}, 6),
    "long names": ("p = ('x' * 255 + '/') * 8\nos.makedirs(p)\nopen(p + 'y' * 255, 'w')", {("x" * 255 + "/") * 8 + "y" * 255}, 0),
    "deep": ("for i in range(600):\n    open('x', 'w')\n    os.mkdir('d')\n    os.chdir('d')", {"d/" * n + "x" for n in range(9)}, 2),
    "deeper than a path may be": ("for i in range(40):\n    os.mkdir('d' * 250)\n    os.chdir('d' * 250)\nopen('x', 'w')", set(), 1),
    "many": ("for i in range(5000): open(str(i), 'w')", None, None),
    "wide and deep": ("def grow(n):\n    for i in range(9):\n        os.mkdir(str(i))\n        os.chdir(str(i))\n        if n: grow(n - 1)\n        os.chdir('..')\ngrow(6)", set(), None),
    "sparse": ("for i in range(100): os.truncate(os.open(str(i), os.O_CREAT | os.O_RDWR, 0o600), 1 << 20), os.closerange(5, 99)", None, None),
    "huge": ("for i in range(500): open(str(i), 'w').write('x' * (1 << 20))", None, None),
    "nobody may read": ("os.mkdir('d')\nopen('d/x', 'w').write('1')\nos.chmod('d/x', 0)\nos.chmod('d', 0)", None, None),
    "nobody may enter": ("open('x', 'w')\nos.chmod('.', 0)", None, None),
    "written while it ends": ("import threading\ndef go():\n    while True: open('x', 'a').write('x' * 99), os.rename('x', 'x')\nthreading.Thread(target=go, daemon=True).start()\nimport time; time.sleep(0.05)\nos._exit(0)", None, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_a_program_makes_of_its_folder_is_harmless(sandbox, name):
    code, names, left_out = HOSTILE[name]
    seen = await script(sandbox, f"import os\n{code}")
    assert seen.status is not Status.INFRASTRUCTURE, seen
    assert names is None or set(seen.files) == names
    assert left_out is None or seen.left_out == left_out
    assert len(seen.files) <= 1000
    assert sum(map(len, seen.files.values())) <= 64 << 20
    assert all(part and part.isprintable() and part[0] != "." for path in seen.files for part in path.split("/"))
    assert folders(below(sandbox)) == []


async def test_executed_programs_can_do_no_more(sandbox):
    code = """
ln -s /etc/passwd a; ln -s / b; mkfifo c; mkdir .hidden; echo x > .hidden/x; echo x > x
(p=$(printf '0123456789/%.0s' {1..300}); for i in 1 2; do mkdir -p $p && cd $p; done)
mkdir e; echo y > e/y; chmod 0 e/y e
"""
    seen = await script(sandbox, code, language="bash")
    # Where the folder is watched, it may be found too deep before the program is done.
    assert seen.status is Status.OK or seen.error == "too much in files", seen
    assert seen.files in ({"x": b"x\n"}, {"x": b"x\n", "e/y": b"y\n"})
    assert seen.left_out >= 4
    assert folders(below(sandbox)) == []


async def test_a_folder_that_grows_over_its_size_ends_the_program(sandbox):
    code = "for n in range(10**6):\n    with open(str(n % 300), 'wb') as t: t.write(bytes(1 << 20))"
    seen = await script(sandbox, code, limits=Limits(cpu_s=20.0, output_bytes=4 << 20))
    if sandbox.tier == "landlock":
        assert (seen.status, seen.error) == (Status.CRASHED, "too much in files")
    else:
        assert (seen.status, seen.error) == (Status.EXCEPTION, "OSError: [Errno 28] No space left on device")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"/etc/x": b""}, "no name"),
        ({"../x": b""}, "no name"),
        ({"a//b": b""}, "no name"),
        ({"": b""}, "no name"),
        ({".x": b""}, "no name"),
        ({"a/.git/x": b""}, "no name"),
        ({"a\nb": b""}, "no name"),
        ({"a\0": b""}, "no name"),
        ({"\udcff": b""}, "no name"),
        ({"x" * 256: b""}, "no name"),
        ({"é" * 128: b""}, "no name"),
        ({"d/" * 9 + "x": b""}, "no name"),
        ({"a": b"", "a/b": b""}, "a file and a folder"),
        ({str(n): b"" for n in range(501)}, "more than 500 files"),
        ({"x": bytes((32 << 20) + 1)}, "32 MiB"),
        ({"main.sh": b""}, "the program's own"),
        ({"main.sh/x": b""}, "a file and a folder"),
    ],
)
async def test_files_that_cannot_be_given_are_refused(sandbox, files, told):
    with pytest.raises(ValueError, match=told):
        await sandbox.run(Program("true", language="bash"), [Stdin("")], LIMITS, files=files)


async def test_as_much_as_may_be_given_fits(sandbox):
    files = {str(n): bytes(64 << 10) for n in range(500)}
    seen = await script(sandbox, "import os\nprint(len(os.listdir()))", files)
    assert (seen.status, seen.stdout, seen.files) == (Status.OK, "500\n", {})


async def test_a_cache_knows_nothing_of_files(sandbox):
    cache = ResultCache.memory()
    program = Program("open('x', 'w').write('1')\nprint(open('a').read())")
    async with await Sandbox.start(1, tier=sandbox.tier, cache=cache) as own:
        for text in (b"1", b"2"):
            (seen,) = await own.run(program, [Stdin("")], LIMITS, files={"a": text}, keep_files=True)
            assert (seen.stdout, seen.files) == (f"{text.decode()}\n", {"x": b"1"})
    cache.close()


async def started(sandbox, zygotes):
    """Wait until a zygote has a process at work."""
    for _ in range(1000):
        if len(below(sandbox)) > len(zygotes):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no program was started")


async def test_a_folder_does_not_outlive_its_sandbox(sandbox):
    own = await Sandbox.start(1, tier=sandbox.tier)
    zygotes = below(own)
    program = Program("import time\nopen('x', 'w').write('1')\ntime.sleep(1000)")
    job = asyncio.create_task(own.run(program, [Stdin("")], Limits(wall_s=600), keep_files=True))
    await started(own, zygotes)
    assert bool(folders(zygotes)) is (sandbox.tier == "landlock")
    await own.aclose()
    assert "closed" in str((await asyncio.gather(job, return_exceptions=True))[0])
    assert folders(zygotes) == []


async def test_a_killed_worker_loses_no_files_and_leaves_none(sandbox):
    async with await Sandbox.start(1, tier=sandbox.tier) as own:
        zygotes = below(own)
        program = Program("import time\nopen('x', 'w').write(open('a').read())\ntime.sleep(0.3)")
        job = asyncio.create_task(own.run(program, [Stdin("")], LIMITS, files={"a": b"1"}, keep_files=True))
        await started(own, zygotes)
        for pid in zygotes:
            os.kill(pid, signal.SIGKILL)
        (seen,) = await job
        assert (seen.status, seen.files) == (Status.OK, {"x": b"1"})
    assert folders(zygotes) == []


async def test_a_saved_file_replaces_nothing(tmp_path):
    (tmp_path / "outside").write_text("mine")
    folder = tmp_path / "new"
    folder.mkdir()
    save({"a/b": b"1", "c": b"2"}, folder)
    assert ((folder / "a/b").read_bytes(), (folder / "c").read_bytes()) == (b"1", b"2")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "dangling").symlink_to(tmp_path / "made")
    for name in ("c", "link", "dangling"):
        with pytest.raises(FileExistsError):
            save({name: b"3"}, folder)
    assert (tmp_path / "outside").read_text() == "mine"
    assert not (tmp_path / "made").exists()
