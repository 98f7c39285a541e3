"""Time: programs that do not end, that count their time otherwise, or that change the clock."""
# ruff: noqa: E501  (programs in a table)

from probe import SYSCALL, Denied, Ok, Run

from atlas.sandbox import Limits, Status

LOOP = Limits(cpu_s=0.2, wall_s=20.0, processes=8)
SLEEP = Limits(cpu_s=5.0, wall_s=0.4)
BAD_TIME = "ctypes.create_string_buffer(struct.pack('<qq', 0, 10**12))"
"""No kernel takes so many nanoseconds; the clock of the machine that runs the tests stays right."""

REFUSED = [
    Denied("sets the clock", f"call('clock_settime', 0, {BAD_TIME})", SYSCALL, {"EINVAL"}),
    Denied("sets the time of day", f"call('settimeofday', {BAD_TIME}, None)", SYSCALL, {"EINVAL"}),
    Denied("adjusts the clock", "call('adjtimex', buffer(512))"),
    Denied("raises its own limit of CPU time", "refused_as(ValueError, lambda: resource.setrlimit(resource.RLIMIT_CPU, (10**6, 10**6)))"),
    Denied("asks for no limit of CPU time by number", "call('prlimit64', 0, 0, ctypes.create_string_buffer(struct.pack('<qq', -1, -1)), None)"),
]  # fmt: skip

RUNS = [
    Run("loops in C", "def f(): return sum(range(10**12))", (Status.CPU_LIMIT,), limits=LOOP),
    Run("a regular expression that never ends", "import re\ndef f(): return re.match('(a+)+b', 'a' * 40)", (Status.CPU_LIMIT,), limits=LOOP),
    Run("catches all", "def f():\n  while True:\n    try:\n      while True: pass\n    except BaseException: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("shares its work out to threads", "def f():\n    ts = [threading.Thread(target=spin, args=(100,)) for _ in range(4)]\n    [t.start() for t in ts]\n    [t.join() for t in ts]", (Status.CPU_LIMIT,), limits=LOOP),
    Run("works in a thread after its result", "def f():\n    threading.Thread(target=spin, args=(100,)).start()\n    return 1", (Ok(1),), limits=LOOP),
    Run("sleeps", "def f(): time.sleep(1000)", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("sleeps while loading", "time.sleep(1000)\ndef f(): return 1", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("waits for a lock that nobody opens", "def f():\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("claims an endless row of new inputs", "def f():\n    stage = 1\n    while True:\n        stage += 1\n        say(stage, 1 << 62, 1 << 62)\n        time.sleep(0.001)", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("claims times before the beginning", "def f():\n    say(1, -1 << 62, -1 << 62)\n    while True: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims times that have not come", "def f():\n    while True: say(1, 1 << 62, 1 << 62)", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims to be loading still", "def f():\n    while True: say(0)", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims nonsense of its progress", "def f():\n    recorder().page[:] = bytes([255]) * len(recorder().page)\n    while True: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims to have used no time", "def f():\n    spin(0.5)\n    leave_with(record(1, cpu_s=0.0, wall_s=0.0))", (Status.CPU_LIMIT,), limits=LOOP),
    Run("claims to have used less than none", "def f():\n    spin(0.5)\n    leave_with(record(1, cpu_s=-1e300, wall_s=-1e300))", (Status.CPU_LIMIT,), limits=LOOP),
    Run("replaces the clocks", "def f():\n    time.process_time_ns = time.thread_time_ns = lambda: 0\n    end = time.process_time() + 0.5\n    while time.process_time() < end: pass\n    return 1", (Status.CPU_LIMIT,), limits=LOOP),
]  # fmt: skip
