"""Programs for the fuzz: small ones from a grammar, real ones with bytes changed."""
# ruff: noqa: E501  (a statement a line)

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from atlas.bench.world.pipeline import draw
from atlas.bench.world.program import Style, program
from atlas.bench.world.tasks import draw_task
from atlas.problem import Call, Stdin
from atlas.sandbox import Program

_ATOMS = st.sampled_from(
    "x y 0 1 -1 2.5 7**90 1e308*10 float('nan') 'a' '' 'é\\ud800' b'\\xff' None True [] () {} set() ... f print int object()"
    " 1j range(5) (i\\ for\\ i\\ in\\ [1]) iter([1]) x.__class__ ValueError('v') 10**5000 [[]]*3 lambda:0 sys os.sep".replace(
        "\\ ", "~"
    ).split()
).map(lambda text: text.replace("~", " "))
_TWO = st.sampled_from(
    (
        "{} + {}",
        "{} * {}",
        "{} // {}",
        "{} ** {}",
        "{} == {}",
        "{} in {}",
        "[{}, {}]",
        "({}, {})",
        "{{{}: {}}}",
        "{{{}, {}}}",
        "{} and {}",
        "{} if {} else 1",
        "{}[{}]",
        "getattr({}, str({}))",
        "'%s' % ({}, {})",
        "{} << ({}, 3)[1]",
    )
)
_ONE = st.sampled_from(
    (
        "str({})",
        "len({})",
        "sorted({})",
        "-{}",
        "{}()",
        "f({})",
        "repr({})",
        "list({})",
        "sum({})",
        "type({})",
        "Odd({})",
        "Odd2({})",
        "next({})",
        "json.dumps({})",
        "abs({})",
        "hash({})",
    )
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.builds(lambda form, a, b: "(" + form.format(a, b) + ")", _TWO, inner, inner)
    return two | st.builds(lambda form, a: form.format(a), _ONE, inner)


EXPRESSIONS = st.recursive(_ATOMS, _larger, max_leaves=6)

_PLAIN = (
    "y = {0}", "x = {0}", "return {0}", "return {0}", "return [x, {0}]", "print({0})", "print({0}, file=sys.stderr)", "raise ValueError({0})",
    "raise Odd({0})", "yield {0}", "assert {0}, {1}", "del x", "import bisect, heapq", "global z", "x.append({0})", "y = [i for i in {0}]",
)  # fmt: skip
_NASTY = (
    "sys.exit({0})", "os._exit(3)", "os._exit(0)", "del __builtins__", "vars(builtins).clear()", "builtins.{n} = {0}", "del builtins.{n}",
    "sys.modules.clear()", "sys.stdout = {0}", "sys.stdout.close()", "os.close({d})", "os.dup2({d}, {e})", "os.write({d}, str({0}).encode('utf-8', 'replace'))",
    "os.ftruncate({d}, 77)", "os.lseek({d}, 5, 0)", "threading.Thread(target=f, args=({0},)).start()", "threading.Thread(target=time.sleep, args=(9,)).start()",
    "sys.setrecursionlimit(30)", "sys.setrecursionlimit(10**9)", "f(x)", "gc.collect()", "os.kill(os.getpid(), {s})", "signal.signal({s}, lambda *a: {0})",
    "atexit.register(print, {0})", "sys.excepthook = {0}", "open('evil', 'w').write(str({0}))", "os.chdir('/')", "json.dumps = {0}", "os.write = {0}",
    "random.seed = {0}", "bytes(10**9)", "os.fork()", "sys.settrace(lambda *a: {0})", "time.process_time_ns = lambda: {0}", "exec({0})", "eval(str({0}))",
    "resource.setrlimit(resource.RLIMIT_{r}, ({d}, {d}))", "__import__('ctypes').string_at({d})", "sys._getframe({d}).f_locals.clear()", "signal.setitimer(signal.ITIMER_REAL, 0.001)",
    "os.write(4, b'{{\"status\": \"ok\", \"value\": %d, \"spans\": [[0, 0], [0, 9]], \"cpu_s\": 0.0, \"wall_s\": 0.0}}\\n' % {d})",
    "sys._getframe(2).f_locals['self'].page[:24] = bytes([{d}]) * 24",
)  # fmt: skip
_BLOCKS = (
    "for i in {0}:", "while {0}:", "if {0}:", "try:", "with open({0}) as x:", "def g(*a):", "class C({0}.__class__):", "match {0}:", "for i in range(10**9):", "while True:",
)  # fmt: skip
_BUILTINS = "len type isinstance print open str sorted BaseException __build_class__ zip max".split()


@st.composite
def _statements(draw_: st.DrawFn, depth: int = 2) -> list[str]:
    lines: list[str] = []
    for _ in range(draw_(st.integers(1, 4))):
        kind = draw_(st.integers(0, 9))
        if kind >= 8 and depth:
            head = draw_(st.sampled_from(_BLOCKS)).format(draw_(EXPRESSIONS))
            body = draw_(_statements(depth - 1))
            lines += [head, *(["    case _:"] if head.startswith("match") else [])]
            pad = "        " if head.startswith("match") else "    "
            lines += [pad + line for line in body]
            if head == "try:":
                lines += [
                    draw_(st.sampled_from(("except Exception as y:", "except BaseException:", "finally:"))),
                    "    pass",
                ]
            if head.startswith("while") or "10**9" in head:
                lines.append("    break" if draw_(st.integers(0, 9)) else "    continue")
            continue
        form = draw_(st.sampled_from(_PLAIN if kind < 6 else _NASTY))
        line = form.format(
            draw_(EXPRESSIONS),
            draw_(EXPRESSIONS),
            d=draw_(st.integers(0, 8)),
            e=draw_(st.integers(0, 8)),
            s=draw_(st.integers(1, 64)),
            n=draw_(st.sampled_from(_BUILTINS)),
            r=draw_(st.sampled_from(("CPU", "AS", "FSIZE", "NOFILE", "STACK", "NPROC"))),
        )
        # Most statements fail; past some of them the program is to go on.
        lines += [line] if draw_(st.booleans()) else ["try:", f"    {line}", "except Exception as y:", "    z = y"]
    return lines


_HEAD = """import atexit, builtins, gc, json, os, random, resource, signal, sys, threading, time
class Odd(int):
    __eq__ = lambda s, o: True
    __hash__ = lambda s: 1
    __repr__ = lambda s: 'odd'
class Odd2(str):
    __iter__ = lambda s: iter([1])
    __len__ = lambda s: -1
y = z = 0
"""

VALUES = st.sampled_from(
    (0, 1, -7, 2**70, 1.5, "", "ab", "é", b"\0", [], [3, 1, 2], (1, "a"), {"a": 1}, {1, 2}, None, True)
)


@st.composite
def small(draw_: st.DrawFn) -> tuple[Program, list[Call] | list[Stdin]]:
    """A program of the grammar, as a function on one to three values or as a script."""
    lines = draw_(_statements())
    if draw_(st.integers(0, 4)):
        code = _HEAD + "def f(x):\n" + "\n".join("    " + line for line in lines) + "\n"
        return Program(code, "f"), [Call((value,)) for value in draw_(st.lists(VALUES, min_size=1, max_size=3))]
    code = _HEAD + "x = 5\ndef f(x): return x\n" + "\n".join(lines) + "\n"
    return Program(code), [Stdin(draw_(st.sampled_from(("", "1 2\n", "\x00\n"))))]


@cache
def humaneval() -> list[tuple[Program, list[Call] | list[Stdin]]]:
    """HumanEval's own solutions where the file is, each with an input of no special fit."""
    root = os.environ.get("ATLAS_TEST_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
    file = Path(root) / "HumanEval.jsonl.gz"
    if not file.is_file():
        return []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        (Program(row["prompt"] + row["canonical_solution"], row["entry_point"]), [Call(([3, 1, 2],))]) for row in rows
    ]


@cache
def _world(seed: int) -> tuple[Program, list[Call] | list[Stdin]]:
    rng = Random(seed)
    task = draw_task(draw(rng, rng.randint(1, 4)), rng, function=seed % 2 == 0)
    inputs = [task.as_input(task.random_input(rng)) for _ in range(2)]
    return Program(program(task, rng.choice(list(Style))), task.function), inputs  # type: ignore[return-value]


def _mutate(code: str, rng: Random) -> str:
    data = bytearray(code.encode())
    for _ in range(rng.randint(0, 6)):
        at, length = rng.randrange(len(data) + 1), rng.randint(1, 8)
        match rng.randrange(5):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at // 2 : at // 2 + length]
            case 2:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 3:
                data[at : at + 1] = rng.choice((b"-", b"0", b"1", b"(", b"]", b":", b"\n", b"\t", b"\0", b"not ", b"'"))
            case _:
                data[at:at] = rng.choice((b"return ", b"while True:", b"**9", b"lambda:", b"*", b"yield ", b"del "))
    return data.decode("utf-8", rng.choice(("surrogateescape", "replace", "ignore")))


@st.composite
def mutated(draw_: st.DrawFn) -> tuple[Program, list[Call] | list[Stdin]]:
    """A program that somebody meant, with up to six places changed."""
    seed = draw_(st.integers(0, 1 << 32))
    rng = Random(seed)
    solutions = humaneval()
    known, inputs = rng.choice(solutions) if solutions and seed % 3 == 0 else _world(rng.randrange(500))
    return Program(_mutate(known.code, rng), known.entry), inputs


PROGRAMS = small() | small() | mutated()
