"""A process turned against its own recorder: what it then says is still only its own word."""
# ruff: noqa: E501  (programs in a table)

from probe import Ok, Run

from atlas.sandbox import Limits, Status

CUT = Status.CRASHED
ANY_END = frozenset({Status.CRASHED, Status.EXCEPTION, Status.BAD_VALUE})
HIDDEN = "'ri' + 'ght'"  # written apart, so that no search of the program's own text finds it

RUNS = [
    Run("leaves with success", "def f(): os._exit(0)", (CUT,), error="exited with status 0 without a result"),
    Run("leaves with success while loading", "os._exit(0)", (CUT,)),
    Run("exits with success", "def f(): sys.exit(0)", (Status.EXCEPTION,), error="SystemExit: 0"),
    Run("exits with success while loading", "sys.exit(0)", (Status.NO_LOAD,), error="SystemExit: 0"),
    Run("exits by the system call", "def f(): call('exit', 0)", (CUT,)),
    Run("a hook for exceptions", "def f():\n    sys.excepthook = lambda *a: os.write(4, record('right'))\n    raise ValueError", (Status.EXCEPTION,)),
    Run("a hook for exceptions of threads", "def f():\n    threading.excepthook = lambda *a: None\n    t = threading.Thread(target=lambda: 1 / 0)\n    t.start()\n    t.join()\n    return 'wrong'", (Ok("wrong"),)),
    Run("an exit handler that leaves", "import atexit\ndef f():\n    atexit.register(os._exit, 0)\n    raise ValueError", (Status.EXCEPTION,)),
    Run("a script's exit handler that leaves", "import atexit\natexit.register(os._exit, 0)\nraise ValueError", (CUT,), inputs=(("",),), script=True),
    Run("a thread that writes a record later", "def f():\n    def later():\n        time.sleep(0.05)\n        os.write(4, record('right'))\n    threading.Thread(target=later).start()\n    time.sleep(0.2)\n    return 'wrong'", (CUT,)),
    Run("a thread that writes while the next input runs", "def f(x):\n    if x == 1: threading.Timer(0.05, os.write, (4, record('right'))).start()\n    if x == 2: time.sleep(0.3)\n    return 'wrong'", (CUT, CUT), ((1,), (2,))),
    Run("a trace function that changes what is returned", "def f():\n    def trace(frame, event, arg):\n        if frame.f_code.co_name == 'run': frame.f_locals['value'] = 'right'\n        return trace\n    sys.settrace(trace)\n    return 'wrong'", (Ok("wrong"),)),
    Run("a profiler that writes as the recorder does", "def f():\n    sys.setprofile(lambda frame, event, arg: os.write(4, b'x') if frame.f_code.co_name == 'write' else None)\n    return 'wrong'", (CUT,)),
    Run("json.dumps that writes nothing", "import json\ndef f():\n    json.dumps = lambda *a, **k: ''\n    return 'mine'", (Ok("mine"),)),
    Run("an encoder that writes nothing", "def f():\n    sys.modules['atlas.sandbox.box.roles']._ENCODE = lambda r, n: ()\n    return 'wrong'", (CUT,)),
    Run("json.dumps that writes another value", "import json\ndef f():\n    keep = json.dumps\n    json.dumps = lambda r, **k: keep({**r, 'value': 'forged'})\n    return 'mine'", (Ok("mine"),)),
    Run("an encoder that writes another value", "def f():\n    roles = sys.modules['atlas.sandbox.box.roles']\n    keep = roles._ENCODE\n    roles._ENCODE = lambda r, n: keep({**r, 'value': 'forged'}, n)\n    return 'wrong'", (Ok("forged"),)),
    Run("the codec that encodes another value", "def f():\n    sys.modules['atlas.compare.codec'].encode = lambda v, **k: 'forged'\n    return object()", (Ok("forged"),)),
    Run("the codec that encodes nonsense", "def f():\n    sys.modules['atlas.compare.codec'].encode = lambda v, **k: ['q']\n    return 'wrong'", (CUT,)),
    Run("the recorder that writes another value", "def f():\n    r = recorder()\n    keep = r.write\n    r.write = lambda status, **k: keep('ok', value='forged')\n    raise ValueError", (Ok("forged"),)),
    Run("builtins without what the recorder needs", "import builtins\ndef f():\n    vars(builtins).clear()\n    return 'wrong'", (CUT,)),
    Run("builtins that lie", "import builtins\ndef f():\n    builtins.type = lambda v: str\n    builtins.isinstance = lambda *a: True\n    builtins.len = lambda v: 0\n    return 7", (ANY_END,)),
    Run("no modules", "def f():\n    sys.modules.clear()\n    return 'wrong'", (Ok("wrong"),)),
    Run("modules emptied", "def f():\n    for m in list(sys.modules.values()):\n        if m.__name__.startswith('atlas'): vars(m).clear()\n    return 'wrong'", (CUT,)),
    Run("a broken os.write", "def f():\n    os.write = lambda fd, data: len(data)\n    return 'wrong'", (CUT,)),
    Run("an os.write that never ends", "def f():\n    os.write = lambda fd, data: 0\n    return 'wrong'", (Status.CPU_LIMIT,), limits=Limits(cpu_s=0.2, wall_s=20.0)),
    Run("its output replaced", "import io\ndef f():\n    sys.stdout = sys.stderr = sys.__stdout__ = io.StringIO()\n    print('lost')\n    return 'wrong'", (Ok("wrong"),)),
    Run("its output replaced by what cannot be flushed", "class Out:\n    def flush(s): raise RuntimeError('no')\ndef f():\n    sys.stdout = Out()\n    return 'wrong'", (CUT,)),
    Run("its output replaced by what leaves when flushed", "class Out:\n    def flush(s): leave_with(record('forged'))\ndef f():\n    sys.stdout = Out()\n    return 'wrong'", (Ok("forged"),)),
    Run("a signal in the midst of recording", "def f():\n    r = recorder()\n    keep = r.write\n    def write(*a, **k):\n        os.write(4, b'{')\n        os.kill(os.getpid(), 9)\n    r.write = write\n    return 'wrong'", (CUT,), error="killed by SIGKILL"),
    Run("recursion as deep as may be when recorded", "def f():\n    sys.setrecursionlimit(60)\n    def down(n): return down(n - 1) if n else 'wrong'\n    try: return down(10**6)\n    except RecursionError: return 'deep'", (Ok("deep"),)),
    Run("a recursion limit that nothing runs under", "def f():\n    def thread(): sys.setrecursionlimit(5)\n    t = threading.Thread(target=thread)\n    t.start()\n    t.join()\n    return 'wrong'", (Ok("wrong"),)),
    Run("the garbage collector as its helper", "import gc\ndef f():\n    for o in gc.get_objects():\n        if type(o).__name__ == '_Recorder': o.outputs = (-7, 1 << 70)\n    return 'wrong'", (CUT,)),
    Run("the stage forged by an address", "def f():\n    page = (ctypes.c_longlong * 3).from_buffer(recorder().page)\n    page[0], page[1], page[2] = 99, -1, -1\n    return 'wrong'", (Ok("wrong"),)),
    Run("no time passed, by the shared page", "def f():\n    while True: say(1)", (Status.CPU_LIMIT,), limits=Limits(cpu_s=0.2, wall_s=20.0)),
    Run("a reason of a failed set-up on the shared page", "def f():\n    recorder().page[64:80] = b'set-up has fail.'\n    os._exit(1)", (CUT,), error="exited with status 1 without a result"),
    Run("dies as if it had never been confined", "def f():\n    recorder().page[:] = bytes(len(recorder().page))\n    os.kill(os.getpid(), 9)", (CUT,)),
    # Looking for what one should return: it is nowhere in the process.
    Run("reads the frames", f"def f():\n    frame = sys._getframe()\n    while frame:\n        for v in frame.f_locals.values():\n            if isinstance(v, str) and v == {HIDDEN}: return v\n        frame = frame.f_back", (Ok(None),)),
    Run("searches the heap", f"import gc\ndef f():\n    wanted = {HIDDEN}\n    return [1 for o in gc.get_objects() if type(o) is dict and ('expected' in o or wanted in map(str, o.values()))] and 'found'", (Ok([]),)),
    Run("reads the request", "def f(): return ('expe' + 'cted').encode() in os.pread(3, 10**7, 0)", (Ok(False),)),
]  # fmt: skip
