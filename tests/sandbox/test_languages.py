"""Programs in other languages, in every tier that this machine can run and for each toolchain that is here."""
# ruff: noqa: E501  (programs in tables)

import asyncio
import os
import re
from dataclasses import replace

import pytest

from atlas.errors import SandboxError
from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Program, Sandbox, Status, compiler, languages, toolchains
from atlas.sandbox.canary import TIERS
from atlas.sandbox.compile_cache import CompileCache

pytestmark = pytest.mark.asyncio(loop_scope="module")
# Compilers take a third of a tier's time. In bubblewrap every language is run once (test_bubblewrap); how it is compiled,
# kept and judged differs in no line from the other tiers.
TESTED_TIERS = TIERS if os.environ.get("ATLAS_ALL_TIERS") else tuple(tier for tier in TIERS if tier != "bubblewrap")

LIMITS = Limits(cpu_s=10.0, wall_s=120.0)

SUMS = {
    "bash": "read a b; echo $((a + b))",
    "javascript": "const t = require('fs').readFileSync('/dev/stdin', 'utf8').split(' ').map(Number)\nconsole.log(t[0] + t[1])",
    "typescript": "import { readFileSync } from 'fs'\nconst t: number[] = readFileSync(0, 'utf8').split(' ').map(Number)\nconsole.log(t[0] + t[1])",
    "c": '#include <stdio.h>\nint main() { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }',
    "cpp": "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }",
    "go": 'package main\nimport "fmt"\nfunc main() { var a, b int; fmt.Scan(&a, &b); fmt.Println(a + b) }',
    "rust": 'use std::io::*;\nfn main() { let mut s = String::new(); stdin().read_to_string(&mut s).unwrap(); let t: i64 = s.split_whitespace().map(|x| x.parse::<i64>().unwrap()).sum(); println!("{}", t); }',
    "java": "import java.util.*;\npublic class Sum { public static void main(String[] a) { Scanner s = new Scanner(System.in); System.out.println(s.nextInt() + s.nextInt()); } }",
}  # fmt: skip

BROKEN = {
    "bash": "if true; then",
    "javascript": "let = = 3",
    "typescript": "let = = 3",
    "c": "int main() { return x; }",
    "cpp": "int main() { return x; }",
    "go": "package main\nfunc main() { x }",
    "rust": "fn main() { x }",
    "java": "public class Main { int f() { return x; } }",
}

STATUS_3 = {
    "bash": "exit 3",
    "javascript": "process.exit(3)",
    "typescript": "process.exit(3 as number)",
    "c": "int main() { return 3; }",
    "cpp": "int main() { return 3; }",
    "go": 'package main\nimport "os"\nfunc main() { os.Exit(3) }',
    "rust": "fn main() { std::process::exit(3) }",
    "java": "class Main { public static void main(String[] a) { System.exit(3); } }",
}

HUNGRY = {
    "javascript": "const a = []\nwhile (true) a.push(new Array(100000).fill(a.length))",
    "c": "#include <stdlib.h>\n#include <string.h>\nint main() { for (;;) { char *p = malloc(1 << 24); if (!p) abort(); memset(p, 1, 1 << 24); } }",
    "cpp": "#include <vector>\nint main() { std::vector<int> v; for (;;) v.push_back(1); }",
    "rust": "fn main() { let mut v: Vec<u64> = vec![1]; loop { let n = v.len(); v.resize(2 * n, 1); if v[n] == 2 { break } } }",
    "java": "import java.util.*;\nclass Main { public static void main(String[] a) { List<long[]> l = new ArrayList<>(); while (true) l.add(new long[100000]); } }",
}


def needs(sandbox, language):
    """Skip where the language cannot be run."""
    found = toolchains.find(language)
    if isinstance(found, str):
        pytest.skip(found)
    if sandbox.tier == "landlock" and any(path.startswith("/root") for path in found.shown):
        pytest.skip("the toolchain is root's own, and without mounts nobody else can reach it")


async def run(sandbox, language, code, *texts, limits=LIMITS):
    return await sandbox.run(Program(code, language=language), [Stdin(text) for text in texts or ("",)], limits)


@pytest.mark.parametrize("language", SUMS)
async def test_a_program_reads_and_prints(sandbox, language):
    needs(sandbox, language)
    seen = await run(sandbox, language, SUMS[language], "3 4\n", "-5 2\n")
    assert [(s.status, s.stdout.strip(), s.stderr) for s in seen] == [(Status.OK, "7", ""), (Status.OK, "-3", "")]
    assert all(0 < s.cpu_s < 10 and s.wall_s > 0 for s in seen)


@pytest.mark.parametrize("language", BROKEN)
async def test_what_does_not_compile_is_no_load(sandbox, language):
    needs(sandbox, language)
    seen = await run(sandbox, language, BROKEN[language], "", "")
    assert [s.status for s in seen] == [Status.NO_LOAD] * 2
    assert 0 < len(seen[0].error) <= 500


@pytest.mark.parametrize("language", STATUS_3)
async def test_an_exit_status_is_an_exception(sandbox, language):
    needs(sandbox, language)
    (seen,) = await run(sandbox, language, STATUS_3[language])
    assert (seen.status, seen.error) == (Status.EXCEPTION, "exit status 3")


async def test_peak_memory_is_that_of_the_largest_process(sandbox):
    needs(sandbox, "c")
    small, large = [
        (await run(sandbox, "c", code))[0].peak_mb
        for code in (
            "int main() { return 0; }",
            "#include <stdlib.h>\nint main() { volatile char *p = malloc(200 << 20); for (int i = 0; i < 200 << 20; i++) p[i] = 1; }",
        )
    ]
    assert 0 < small < 50
    assert 200 <= large < 260


async def test_peak_memory_counts_children_and_what_is_held_at_once(sandbox):
    needs(sandbox, "bash")
    hold = "x=$(head -c 20000000 /dev/zero | tr '\\0' x)"
    together = f"{hold}; : > $i; until [ -e 1 ] && [ -e 2 ] && [ -e 3 ]; do sleep 0.01; done; sleep 0.3"
    (one,) = await run(sandbox, "bash", f"({hold}; true)")
    (three,) = await run(sandbox, "bash", f"for i in 1 2 3; do ({together}) & done; wait")
    assert one.status is three.status is Status.OK
    assert 20 < one.peak_mb < 60 < three.peak_mb


@pytest.mark.parametrize("language", HUNGRY)
async def test_memory_is_bounded(sandbox, language):
    needs(sandbox, language)
    (seen,) = await run(sandbox, language, HUNGRY[language], limits=replace(LIMITS, memory_mb=64))
    wanted = Status.CRASHED if language == "c" else Status.MEMORY_LIMIT
    assert seen.status is wanted, seen


ENDS = {
    "cpu": ("while :; do :; done", Status.CPU_LIMIT, ""),
    "the children's cpu": ("for i in 1 2 3; do (while :; do :; done) & done; wait", Status.CPU_LIMIT, ""),
    "the cpu of children that nobody waits for": ("trap '' CHLD; (while :; do :; done) & sleep 1000", Status.CPU_LIMIT, ""),
    "wall": ("sleep 1000", Status.WALL_LIMIT, ""),
    "output": ("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", Status.OUTPUT_LIMIT, ""),
    "a signal": ("kill -SEGV $$", Status.CRASHED, "killed by SIGSEGV"),
    "an abort": ("kill -ABRT $$", Status.CRASHED, "killed by SIGABRT"),
    "memory of many": ("for i in 1 2 3 4; do (x=$(head -c 30000000 /dev/zero | tr '\\0' x); sleep 1000) & done; wait", Status.MEMORY_LIMIT, "more memory than allowed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
async def test_an_execution_is_bounded(sandbox, name):
    code, status, error = ENDS[name]
    wall_s = 1.0 if status is Status.WALL_LIMIT else 60.0
    limits = Limits(cpu_s=0.3 if status is Status.CPU_LIMIT else 5.0, wall_s=wall_s, memory_mb=64, output_bytes=10000)
    (seen,) = await run(sandbox, "bash", code, limits=limits)
    assert (seen.status, seen.error) == (status, error)
    assert len(seen.stdout) <= 10000
    if status is Status.CPU_LIMIT:
        assert seen.cpu_s >= 0.25, "the clocks that stop it and that count it differ by a tick"


async def test_the_cpu_time_of_children_is_counted(sandbox):
    busy = "for ((i = 0; i < 200000; i++)); do :; done"
    alone, child = [(await run(sandbox, "bash", code))[0].cpu_s for code in (":", f"({busy}) & wait")]
    assert child > 3 * alone


async def test_the_end_of_standard_error_is_kept(sandbox):
    (seen,) = await run(sandbox, "bash", "for ((i = 0; i < 20000; i++)); do echo line $i >&2; done; exit 1")
    assert seen.stderr.endswith("line 19999\n")
    assert seen.status is Status.EXCEPTION


async def test_modules_and_classes_are_told_by_their_source():
    named = {language: languages.LANGUAGES[language][0].source for language in ("javascript", "java")}
    assert named["javascript"]("import fs from 'fs'\n") == "main.mjs"
    assert named["javascript"]("const fs = require('fs')\n") == "main.cjs"
    assert named["java"]("class A {}\npublic final class B {}") == "B.java"
    assert named["java"]("class A { }\nclass B { static void main(String[] a) {} }") == "B.java"


async def test_a_module_runs(sandbox):
    needs(sandbox, "javascript")
    code = "import { readFileSync } from 'fs'\nconsole.log(readFileSync(0, 'utf8').trim() + (await 1))"
    assert (await run(sandbox, "javascript", code, "x"))[0].stdout == "x1\n"


async def test_what_is_not_a_program_of_standard_input_is_refused(sandbox):
    only_python = "functions can be called in Python programs only: a bash program takes no entry"
    for program, given, told in (
        (Program("", entry="f", language="bash"), Call(()), only_python),
        (Program("", entry="f", language="bash"), Stdin(""), only_python),
        (Program("", language="bash"), Call(()), "programs in other languages take Stdin inputs"),
        (Program("", language="cobol"), Stdin(""), "no language 'cobol'; there are python, javascript,"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
            await sandbox.run(program, [given])
    with pytest.raises(ValueError, match="Python"):
        await sandbox.run_check(Program("", entry="f", language="bash"), "")


async def test_a_missing_toolchain_is_said_and_is_no_verdict(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert toolchains.available() == {}
    missing = toolchains.missing()
    assert missing.keys() == languages.LANGUAGES.keys()
    assert "g++" in missing["cpp"]
    assert "22.6" in missing["typescript"]
    async with await Sandbox.start(1) as own:
        (seen,) = await run(own, "cpp", SUMS["cpp"])
        assert (seen.status, seen.error) == (Status.INFRASTRUCTURE, missing["cpp"])


async def test_a_broken_toolchain_is_no_verdict(sandbox, monkeypatch, tmp_path):
    (tmp_path / "gcc").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "gcc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    async with await Sandbox.start(1, tier=sandbox.tier) as own:
        (seen,) = await run(own, "c", SUMS["c"])
        assert seen.status is Status.INFRASTRUCTURE
        assert "gcc" in seen.error


async def test_a_program_that_cannot_be_executed_is_a_verdict(sandbox, monkeypatch):
    needs(sandbox, "c")
    # A source can have a compiler make anything.
    rows = (replace(languages.LANGUAGES["c"][0], compile=("gcc", "-E", "-o", "program", "{file}")),)
    monkeypatch.setitem(languages.LANGUAGES, "c", rows)
    async with await Sandbox.start(1, tier=sandbox.tier) as own:
        (seen,) = await run(own, "c", "int main() {}")
    assert (seen.status, seen.error) == (Status.CRASHED, "cannot be executed: Exec format error")


async def test_a_compiler_is_bounded_and_held_back(sandbox, monkeypatch):
    needs(sandbox, "c")
    row = languages.LANGUAGES["c"][0]
    limited = replace(row, compile_limits=replace(row.compile_limits, cpu_s=0.3))
    monkeypatch.setitem(languages.LANGUAGES, "c", (limited,))
    bomb = "#define A(x) x x x x x x x x\n#define B(x) A(A(A(A(x))))\nint main() { B(B(B(B(;)))) }"
    async with await Sandbox.start(1, tier=sandbox.tier) as own:
        (seen,) = await run(own, "c", bomb)
        assert seen.status is Status.NO_LOAD
        # Which of its limits it meets first depends on the machine.
        assert seen.error.startswith(("the compiler ended in cpu_limit:", "virtual memory exhausted")), seen.error
        (seen,) = await run(own, "c", '#include "/etc/passwd"\n')
        assert seen.status is Status.NO_LOAD
        assert "root" not in seen.stderr


async def test_one_compilation_serves_all_who_ask(sandbox, monkeypatch):
    needs(sandbox, "c")
    own = await Sandbox.start(2, tier=sandbox.tier)
    compiled = []
    inner = compiler.Compiler._compile
    monkeypatch.setattr(compiler.Compiler, "_compile", lambda self, *a: compiled.append(1) or inner(self, *a))
    async with own:
        first = asyncio.create_task(run(own, "c", SUMS["c"], "1 2"))
        others = [asyncio.create_task(run(own, "c", SUMS["c"], f"{i} 2")) for i in range(3)]
        await asyncio.sleep(0.05)
        first.cancel()
        assert [(await other)[0].stdout for other in others] == ["2\n", "3\n", "4\n"]
        await run(own, "c", SUMS["c"], "1 2")
    assert compiled == [1]


async def test_compiled_programs_outlive_the_sandbox_and_damage_is_noticed(sandbox, tmp_path, monkeypatch):
    needs(sandbox, "c")
    compiled = []
    inner = compiler.Compiler._compile
    monkeypatch.setattr(compiler.Compiler, "_compile", lambda self, *a: compiled.append(1) or inner(self, *a))

    async def once():
        async with await Sandbox.start(1, tier=sandbox.tier, compiled=tmp_path / "cache") as own:
            assert (await run(own, "c", SUMS["c"], "3 4"))[0].stdout == "7\n"

    await once()
    await once()
    assert compiled == [1]
    (entry,) = (tmp_path / "cache").iterdir()
    data = bytearray(entry.read_bytes())
    data[len(data) // 2] ^= 1
    entry.write_bytes(data)
    await once()
    await once()
    assert compiled == [1, 1]


async def test_the_cache_is_bounded(tmp_path):
    (tmp_path / "mine.txt").write_text("x" * 10000)
    cache = CompileCache(tmp_path, memory=1000, disk=4000)
    for number in range(40):
        cache.put(f"{number:064}", bytes([number]) * 400)
    assert sum(entry.stat().st_size for entry in tmp_path.glob("*.bundle")) <= 5000
    assert (tmp_path / "mine.txt").exists()
    assert cache.get(f"{39:064}") == bytes([39]) * 400
    assert cache.get(f"{0:064}") is None
    with pytest.raises(SandboxError, match="cache"):
        CompileCache(tmp_path / "mine.txt" / "below")


async def test_a_precompiled_header_is_made_and_used(sandbox, monkeypatch, tmp_path):
    needs(sandbox, "cpp")
    row = languages.LANGUAGES["cpp"][0]
    if row.header is None or sandbox.tier == "landlock":
        pytest.skip("without mounts there is no place for shared files")
    # -Winvalid-pch -Werror -H would say of the header how it is read; the macro below exists in the header alone.
    header = replace(
        row.header,
        name="cstdlib",
        source="#include <cstdlib>\n#define FROM_HEADER 5\n",
        command=tuple(part.replace("bits/stdc++.h.gch", "bits/cstdlib.gch") for part in row.header.command),
    )
    compile_ = tuple(part.replace("{kit}", "{kit}/bits") for part in row.compile)
    monkeypatch.setitem(languages.LANGUAGES, "cpp", (replace(row, header=header, compile=compile_),))
    monkeypatch.setattr(compiler, "_PAYS_AFTER", 2)
    code = "#include <cstdlib>\n#ifndef FROM_HEADER\n#define FROM_HEADER 0\n#endif\nint main() {{ return FROM_HEADER; }} // {}"
    async with await Sandbox.start(1, tier=sandbox.tier, compiled=tmp_path) as own:
        seen = [(await run(own, "cpp", code.format(i)))[0] for i in range(3)]
    assert [(s.status, s.error) for s in seen] == [(Status.OK, "")] + [(Status.EXCEPTION, "exit status 5")] * 2
    async with await Sandbox.start(1, tier=sandbox.tier, compiled=tmp_path) as own:
        assert (await run(own, "cpp", code.format("again")))[0].error == "exit status 5"


STOPPED = {
    "time on the clock": ("sleep 1", Limits(wall_s=0.2)),
    "CPU time": ("for ((i = 0; i < 200000; i++)); do :; done", Limits(cpu_s=0.01)),
    "a signal": ("[ $(ulimit -v) -gt 2000000 ] || kill -9 $$", Limits(memory_mb=512)),
}


@pytest.mark.parametrize("how", STOPPED)
async def test_a_compiler_that_was_stopped_has_refused_nothing(sandbox, how):
    work, tight = STOPPED[how]
    chosen = toolchains.find("bash")
    compiles = replace(languages.LANGUAGES["bash"][0], compile=("bash", "{file}"), run=("bash", "./program"), check=())
    code = f"{work}; echo echo made > program"
    ends = []
    for limits in (tight, Limits(cpu_s=20.0, wall_s=60.0, memory_mb=4096)):
        row = replace(compiles, compile_limits=limits)
        sandbox._executables._toolchains["bash"] = replace(chosen, language=row)
        try:
            (seen,) = await sandbox.run(Program(code, language="bash"), [Stdin("")], LIMITS)
        finally:
            sandbox._executables._toolchains["bash"] = chosen
        ends.append((seen.status, seen.stdout))
    assert ends == [(Status.NO_LOAD, ""), (Status.OK, "made\n")]
