"""Making processes, running files, and turning to other processes."""
# ruff: noqa: E501  (programs in a table)

from probe import PATH, SYSCALL, Denied, Ok, Run

from atlas.sandbox import Status

THREAD = 0x10000 | 0x100 | 0x800  # CLONE_THREAD with what it requires

REFUSED = [
    Denied("forks", "child()"),
    Denied("forks by number", "call('clone', 17, 0, 0, 0, 0) or os._exit(0)"),
    Denied("forks by vfork", "call('vfork')", SYSCALL, None),
    Denied("clones a process that shares memory", "call('clone', 0x100 | 17, 0, 0, 0, 0)", SYSCALL, None),
    Denied("clones a thread into a new namespace", f"call('clone', {THREAD} | 0x10000000, 0, 0, 0, 0)", SYSCALL, {"EINVAL"}),
    Denied("clones by clone3", "call('clone3', ctypes.create_string_buffer(struct.pack('<QQQQQ', 0, 0, 0, 0, 17), 64), 64) or os._exit(0)"),
    Denied("executes", "os.execv('/bin/true', ['true'])", SYSCALL, None),
    Denied("executes itself", "os.execv('/proc/self/exe', ['x', '-c', ''])", SYSCALL, None),
    Denied("executes a file of memory", "call('execveat', os.memfd_create('x'), b'', None, None, 0x1000)", SYSCALL, {"EACCES", "ENOEXEC"}),
    Denied("executes by a descriptor", "call('execveat', -100, b'/nothing', None, None, 0)", SYSCALL, {"ENOENT"}),
    Denied("spawns", "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, '-S', '-c', ''], {}), 0)"),
    Denied("runs a shell", "found(__import__('subprocess').run('echo x', shell=True, capture_output=True).stdout)"),
    Denied("a pool of processes", "[p.start() or p.join() for p in [__import__('multiprocessing').get_context('fork').Process(target=int)]]"),
    Denied("a session of its own", "os.setsid()", SYSCALL, {"got", "EPERM"}),
    Denied("a group of its own", "os.setpgid(0, 0)", SYSCALL, {"got", "EPERM"}),
    Denied("waits for a child", "os.wait()", SYSCALL, {"ECHILD"}),
    Denied("opens its parent", "os.pidfd_open(os.getppid() or 1)"),
    Denied("opens a process", "os.pidfd_open(host['pid'])"),
    Denied("renices a process", "os.setpriority(os.PRIO_PROCESS, host['pid'], 19)"),
    Denied("renices its user's processes", "os.setpriority(os.PRIO_USER, 12345, 19)", SYSCALL, {"ESRCH"}),
    Denied("renices itself", "os.nice(-5)"),
    Denied("moves a process to another processor", "os.sched_setaffinity(host['pid'], {0})"),
    Denied("moves itself to another processor", "os.sched_setaffinity(0, {0})"),
    Denied("asks where a process may run", "os.sched_getaffinity(host['pid'])"),
    Denied("runs in real time", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"),
    Denied("runs a process when idle only", "call('sched_setscheduler', host['pid'], 5, buffer(8))"),
    Denied("has a process's files served last", "call('ioprio_set', 1, host['pid'], 3 << 13)"),
    Denied("limits a process", "resource.prlimit(host['pid'], resource.RLIMIT_CPU, (1, 1))"),
    Denied("reads a process's limits", "resource.prlimit(host['pid'], resource.RLIMIT_CPU)"),
    Denied("adopts orphans", "call('prctl', 36, 1, 0, 0, 0)"),
    Denied("outlives its parent", "call('prctl', 1, 0, 0, 0, 0)"),
    Denied("becomes dumpable", "call('prctl', 4, 1, 0, 0, 0)"),
    Denied("takes its filter back", "call('prctl', 22, 0, 0, 0, 0)", SYSCALL, {"EINVAL"}),
    Denied("installs a filter of its own", "call('seccomp', 1, 0, None)", SYSCALL, {"EFAULT"}),
    Denied("asks to be notified of system calls", "call('seccomp', 1, 8, None)", SYSCALL, {"EFAULT"}),
    Denied("becomes root", "os.setuid(0)"),
    Denied("changes its groups", "os.setgroups([])"),
    Denied("takes capabilities", "call('capset', ctypes.create_string_buffer(struct.pack('<II', 0x20080522, 0), 8), ctypes.create_string_buffer(bytes(24), 24))"),
    Denied("writes into the judge's terminal", "fcntl.ioctl(0, 0x5412, b'x')", SYSCALL, {"ENOTTY"}),
    Denied("a shell's history of the library", "open('/bin/sh', 'rb')", PATH),
]  # fmt: skip

RUNS = [
    Run("an endless number of threads", "def f():\n    threading.stack_size(65536)\n    while True: threading.Thread(target=time.sleep, args=(1000,)).start()", (frozenset({Status.EXCEPTION, Status.CRASHED}),)),
    Run("threads that nobody waits for", "def f():\n    for _ in range(4): threading.Thread(target=time.sleep, args=(1000,)).start()", (Ok(None),)),
    Run("a main thread that ends before the others", "def f():\n    threading.Thread(target=spin, args=(1000,)).start()\n    call('exit', 0)", (frozenset({Status.CPU_LIMIT, Status.WALL_LIMIT}),)),
]  # fmt: skip
