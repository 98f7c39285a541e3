"""Result records written by hand: at best they say what the program could have returned."""
# ruff: noqa: E501  (programs in a table)

from probe import Ok, Run

from atlas.sandbox import Limits, Status

CUT = Status.CRASHED
NO = (CUT,)
TWO, THREE = ((1,), (2,)), ((1,), (2,), (3,))


def bad(name, **changes):
    """Return the probe of a record with a field that cannot be."""
    return Run(name, f"def f(): leave_with(record(**{changes!r}))", NO)


RUNS = [
    # What can be said by hand is no more than `return "right"` says.
    Run("a record of its own value", "def f(): leave_with(record('right'))", (Ok("right"),)),
    Run("a record, then a value", "def f():\n    os.write(4, record('right'))\n    return 'wrong'", NO),
    Run("a record, cut back before the value", "def f():\n    os.write(4, record('right'))\n    os.ftruncate(4, 0)\n    os.lseek(4, 0, 0)\n    return 'wrong'", (Ok("wrong"),)),
    Run("the value overwritten at exit", "import atexit\ndef f():\n    atexit.register(lambda: os.pwrite(4, record('right'), 0))\n    return 'wrong'", (Ok("wrong"),)),
    Run("two records for one input", "def f(): leave_with(record(), record())", NO),
    Run("more records than inputs", "def f(x): leave_with(*[record()] * 99)", (CUT,) * 3, THREE),
    Run("a thousand records", "def f(): leave_with(*[record()] * 1000)", NO),
    Run("records of later inputs beforehand", "def f(x):\n    if x == 2: leave_with(record('two'), record('three'))\n    return x", (Ok(1), Ok("two"), Ok("three")), THREE),
    Run("a record of the next input beforehand", "def f(x):\n    if x == 1: os.write(4, record('next'))\n    return x", (CUT,) * 3, THREE),
    Run("no record of its own", "def f(x):\n    r = recorder()\n    if x == 1: r.write = lambda *a, **k: r.__dict__.pop('write') and None\n    return x", (Ok(2), CUT), TWO),
    Run("a record cut short", "def f(): leave_with(record()[:-1])", NO),
    Run("a record cut in the middle", "def f(): leave_with(record()[:40])", NO),
    Run("a record cut short before the value", "def f():\n    os.write(4, record()[:-1])\n    return 'wrong'", NO),
    Run("no JSON", "def f(): leave_with(b'garbage\\n')", NO),
    Run("empty lines", "def f(): leave_with(b'\\n')", NO),
    Run("a record in another encoding", "def f(): leave_with(record().decode().encode('utf-16'))", NO),
    Run("zero bytes", "def f():\n    os.ftruncate(4, 1000)\n    os._exit(0)", NO),
    Run("deep nesting", "def f(): leave_with(b'[' * 100_000 + b'\\n')", NO),
    Run("deep nesting that closes", "def f(): leave_with(b'[' * 100_000 + b']' * 100_000 + b'\\n')", NO),
    Run("a value nested too deeply", "def f():\n    v = ['l']\n    for _ in range(150): v = ['l', v]\n    leave_with(record(v))", NO),
    Run("a number of a hundred thousand digits", "def f(): leave_with(record().replace(b'\"right\"', b'9' * 100_000))", NO),
    Run("not a number", "def f(): leave_with(record(float('nan')))", NO),
    Run("infinity", "def f(): leave_with(record(float('inf')))", NO),
    Run("infinity by a large exponent", "def f(): leave_with(record().replace(b'\"right\"', b'1e999'))", NO),
    Run("a repeated key", "def f(): leave_with(record(['d', [1, 1], [1, 2]]))", NO),
    Run("keys that are equal", "def f(): leave_with(record(['s', 1, True, 1.0]))", NO),
    Run("elements of one hash by the thousand", "def f(): leave_with(record(['s', *[['i', hex((2**61 - 1) * (n + 8))] for n in range(1000)]]))", NO),
    Run("an unknown tag", "def f(): leave_with(record(['p', 'right']))", NO),
    Run("an unhashable key", "def f(): leave_with(record(['d', [['l'], 1]]))", NO),
    Run("an integer that could be shorter", "def f(): leave_with(record(['i', '0x01']))", NO),
    Run("too many elements", "def f(): leave_with(record(['l'] + [0] * 2_100_000))", NO, limits=Limits(cpu_s=5.0, wall_s=60.0, output_bytes=16 << 20)),
    Run("a list for a record", "def f(): leave_with(b'[]\\n')", NO),
    Run("a record without fields", "def f(): leave_with(b'{}\\n')", NO),
    bad("a status that the judge keeps for itself", status="infrastructure"),
    bad("a status that the judge finds out", status="cpu_limit"),
    bad("a status of no name", status=None),
    bad("a status that is a list", status=["ok"]),
    bad("a negative place of its output", spans=[[-1, 5], [0, 0]]),
    bad("a place beyond all files", spans=[[0, 1 << 62], [0, 0]]),
    bad("a place that is no number", spans=[["0", "5"], [0, 0]]),
    bad("a place that is true", spans=[[False, True], [0, 0]]),
    bad("a fraction of a place", spans=[[0.5, 1.5], [0, 0]]),
    bad("too many places", spans=[[0, 0], [0, 0], [0, 0]]),
    bad("no places", spans=None),
    bad("time as text", cpu_s="0.0"),
    bad("time as a whole number", cpu_s=0),
    bad("time that is true", wall_s=True),
    Run("time that is not a number", "def f(): leave_with(record(cpu_s=float('nan')))", NO),
    bad("a line that is text", status="exception", line="1"),
    bad("a line before the first", status="exception", line=-1),
    bad("a line of a thousand digits", status="exception", line=10**1000),
    bad("an error that is a list", status="exception", error=["right"]),
    bad("an error that is an object", status="exception", error={"a": 1}),
    bad("loading, in a manner of speaking", loading=1),
    Run("claims of unused time", "def f(): leave_with(record(1, cpu_s=-5.0, wall_s=1e308))", (Ok(1),)),
    Run("its output ends before it begins", "def f(): leave_with(record(1, spans=[[100, 5], [7, 0]]))", (Ok(1),)),
    Run("its output is where nothing is", "def f(): leave_with(record(1, spans=[[1 << 61, 1 << 61], [0, 0]]))", (Ok(1),)),
    Run("a failure with a value", "def f(): leave_with(record('right', status='exception', error='E'))", (Status.EXCEPTION,), error="E"),
    Run("not loaded, with a value", "def f(x): leave_with(record('right', status='no_load', loading=True))", (Status.NO_LOAD,) * 2, TWO),
    Run("a value that counts as loading", "def f(x): leave_with(record(x, loading=True))", (Ok(1), Ok(1)), TWO),
    Run("the result closed", "def f():\n    os.close(4)\n    return 'wrong'", NO),
    Run("the result closed and a record in its place", "def f():\n    os.close(4)\n    os.dup2(1, 4)\n    return 'wrong'", NO),
    Run("another file in the result's place", "def f():\n    r, w = os.pipe()\n    os.dup2(w, 4)\n    return 'wrong'", NO),
    Run("the result's file in the output's place", "def f():\n    os.dup2(4, 1)\n    sys.stdout.write(record('right').decode())\n    return 'wrong'", NO),
    Run("printed instead of written", "def f():\n    print(record('right').decode())\n    os._exit(0)", NO),
    Run("written to the request", "def f():\n    os.pwrite(3, record('right'), 0)\n    os._exit(0)", NO),
    Run("a script's value", "leave_with(record('right'))", (Ok("right"),), inputs=(("",),), script=True),
]  # fmt: skip
