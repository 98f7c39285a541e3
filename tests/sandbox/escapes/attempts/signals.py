"""Signals to other processes, and a process's own signals turned against the limits."""
# ruff: noqa: E501  (programs in a table)

from probe import SYSCALL, Denied, Ok, Run

from atlas.sandbox import Limits, Status

REFUSED = [
    Denied("kills a process", "os.kill(host['pid'], 9)"),
    Denied("asks whether a process lives", "os.kill(host['pid'], 0)"),
    Denied("kills the judge", "os.kill(host['judge'], 9)", SYSCALL, None),
    Denied("kills its parent", "os.kill(os.getppid() or 1, 9)", SYSCALL, None),
    Denied("kills everybody", "os.kill(-1, 9)", SYSCALL, None),
    Denied("kills its group", "os.kill(0, 9)", SYSCALL, None),
    Denied("kills its group by number", "os.killpg(os.getpgid(0), 9)", SYSCALL, None),
    Denied("kills the next process ids", "[os.kill(os.getpid() + n, 0) for n in (1, -1, 2, -2)]", SYSCALL, None),
    Denied("stops a process", "os.kill(host['pid'], signal.SIGSTOP)"),
    Denied("signals a thread of another", "call('tgkill', host['pid'], host['pid'], 18)"),
    Denied("signals a thread by its number alone", "call('tkill', host['pid'], 18)"),
    Denied("signals itself by a thread's number alone", "call('tkill', os.getpid(), 0)"),
    Denied("queues a signal", "call('rt_sigqueueinfo', host['pid'], 18, ctypes.create_string_buffer(struct.pack('<iii', 18, 0, -1), 128))"),
    Denied("queues a signal to a thread", "call('rt_tgsigqueueinfo', host['pid'], host['pid'], 18, ctypes.create_string_buffer(struct.pack('<iii', 18, 0, -1), 128))"),
    Denied("signals by a process's descriptor", "call('pidfd_send_signal', 0, 0, None, 0)", SYSCALL, {"EBADF"}),
    Denied("has a pipe's owner signalled", "fcntl.fcntl(os.pipe()[0], 8, host['pid'])"),
    Denied("chooses the signal of a pipe's owner", "fcntl.fcntl(os.pipe()[0], 10, 9)"),
    Denied("has a pipe's owner signalled by ioctl", "[fcntl.ioctl(pair[0], 0x8901, struct.pack('<i', host['pid'])) for pair in [socket.socketpair()]]"),
    Denied("makes a timer that signals a thread", "call('timer_create', 0, None, buffer(8))"),
    Denied("asks for a signal when a lease breaks", "fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, fcntl.F_RDLCK)", SYSCALL, {"got", "EACCES"}),
    Denied("asks for a signal when a folder changes", "fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), 1026, 1)"),
]  # fmt: skip

ALL_IGNORED = "for s in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(s, signal.SIG_IGN)"
LOOP = Limits(cpu_s=0.2, wall_s=20.0)
SLEEP = Limits(cpu_s=5.0, wall_s=0.5)

RUNS = [
    Run("signals itself", "def f():\n    got = []\n    signal.signal(signal.SIGUSR1, lambda *a: got.append(1))\n    os.kill(os.getpid(), signal.SIGUSR1)\n    return got", (Ok([1]),)),
    Run("kills itself", "def f(): os.kill(os.getpid(), 9)", (Status.CRASHED,), error="killed by SIGKILL"),
    Run("ends by a real-time signal", "def f(): os.kill(os.getpid(), 40)", (Status.CRASHED,), error="killed by signal 40"),
    Run("ends by the last signal", "def f(): os.kill(os.getpid(), 64)", (Status.CRASHED,), error="killed by SIGRTMAX"),
    Run("stops itself", "def f(): os.kill(os.getpid(), signal.SIGSTOP)", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("claims the CPU limit's signal", "def f(): os.kill(os.getpid(), signal.SIGXCPU)", (Status.CPU_LIMIT,)),
    Run("claims the output limit's signal", "def f():\n    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n    os.kill(os.getpid(), signal.SIGXFSZ)", (Status.OUTPUT_LIMIT,)),
    Run("ignores all signals and loops", f"def f():\n    {ALL_IGNORED}\n    while True: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("blocks all signals and loops", "def f():\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n    while True: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("handles the CPU limit's signal by returning", "def f():\n    def stop(*a): raise KeyError\n    signal.signal(signal.SIGXCPU, stop)\n    try: spin(1000)\n    except KeyError: return 'right'", (Status.CPU_LIMIT,), limits=LOOP),
    Run("blocks all signals and sleeps", "def f():\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n    time.sleep(1000)", (Status.WALL_LIMIT,), limits=SLEEP),
    Run("ends by an alarm", "def f():\n    signal.alarm(1)\n    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    time.sleep(1000)", (Status.CRASHED,), error="killed by SIGALRM"),
    Run("a storm of timer signals", "def f():\n    signal.signal(signal.SIGPROF, lambda *a: None)\n    signal.setitimer(signal.ITIMER_PROF, 1e-6, 1e-6)\n    while True: pass", (Status.CPU_LIMIT,), limits=LOOP),
    Run("a handler at work when the result is written", "def f():\n    signal.signal(signal.SIGALRM, lambda *a: os.write(4, b'x'))\n    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)\n    spin(0.02)\n    return 'wrong'", (Status.CRASHED,)),
    Run("32-bit calls that the filter cannot read", "def f(): return machine_code(bytes.fromhex('b814000000cd80c3'))", (Status.CRASHED,)),
    Run("calls by the x32 table", "def f(): return attempt(lambda: [libc.syscall(ctypes.c_long(0x40000000 + 39)), found(ctypes.get_errno() != 1)])", (Ok("denied: ENODATA"),)),
]  # fmt: skip
