"""Executed programs that try to get out, to outlive their execution, or to leave something behind."""

import asyncio
import errno
import itertools
import os
import signal
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from atlas.problem import Stdin
from atlas.sandbox import Limits, Program, Sandbox, Status, toolchains
from atlas.sandbox.box import bundle
from atlas.sandbox.exec_job import ExecFiles, ExecJob
from atlas.sandbox.exec_worker import ExecWorker
from atlas.sandbox.workers import WorkerLost

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(cpu_s=5.0, wall_s=60.0)

# What each asks for must be refused; "outside" is a file that the judge's user and everybody else may read and write.
REFUSED = {
    "opens a socket": "socket(AF_INET, SOCK_STREAM, 0)",
    "opens a datagram socket": "socket(AF_INET6, SOCK_DGRAM, 0)",
    "opens a netlink socket": "socket(AF_NETLINK, SOCK_RAW, 0)",
    "opens a packet socket": "socket(AF_PACKET, SOCK_RAW, 0)",
    "opens a unix socket": "socket(AF_UNIX, SOCK_STREAM, 0)",
    "sends a datagram by a pair": "socketpair(AF_UNIX, SOCK_DGRAM, 0, two)",
    "reads a file outside": "open(outside, O_RDONLY)",
    "writes a file outside": "open(outside, O_WRONLY)",
    "reads it by a symlink": '(symlink(outside, "link"), open("link", O_RDONLY))',
    "links it": 'link(outside, "hard")',
    "removes it": "unlink(outside)",
    "truncates it": "truncate(outside, 0)",
    "writes into the system": 'open("/usr/bin/new", O_WRONLY | O_CREAT, 0644)',
    "writes into the root": 'open("/new", O_WRONLY | O_CREAT, 0644)',
    "writes beside its folder": 'mkdir("../new", 0755)',
    "reads the users": 'open("/etc/passwd", O_RDONLY)',
    "reads the passwords": 'open("/etc/shadow", O_RDONLY)',
    "lists the homes": 'open("/home", O_RDONLY | O_DIRECTORY)',
    "lists root's home": 'open("/root", O_RDONLY | O_DIRECTORY)',
    "reads the environment of its parent": 'open("/proc/1/environ", O_RDONLY)',
    "reads a device": 'open("/dev/mem", O_RDONLY)',
    "makes a device": 'mknod("zero", S_IFCHR | 0666, makedev(1, 5))',
    "traces": "ptrace(PTRACE_TRACEME, 0, 0, 0)",
    "signals its parent": "(getppid() == 1 ? -1 : kill(getppid(), 0))",
    "signals the judge": "kill(judge, 0)",
    "unshares a user namespace": "unshare(0x10000000)",
    "unshares mounts": "unshare(0x00020000)",
    "joins a namespace": "setns(0, 0)",
    "clones a namespace": "syscall(SYS_clone, 0x10000000 | SIGCHLD, 0, 0, 0, 0)",
    "mounts": 'mount("none", ".", "tmpfs", 0, 0)',
    "unmounts": 'umount2("/", 2)',
    "changes its root": 'chroot(".")',
    "becomes root": "(getuid() == 0 ? 0 : setuid(0))",
    "sets up io_uring": "syscall(425, 8, buffer)",
    "loads BPF": "syscall(SYS_bpf, 0, 0, 0)",
    "opens performance counters": "syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0)",
    "asks the keyring": "syscall(SYS_keyctl, 0, -3, 1)",
    "adds a key": 'syscall(SYS_add_key, "user", "x", "x", 1, -3)',
    "opens a userfaultfd": "syscall(SYS_userfaultfd, 0)",
    "makes a memory file": 'memfd_create("x", 0)',
    "makes shared memory": "shmget(0, 4096, 01600)",
    "reads another's memory": "syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0)",
    "opens a pid": "syscall(SYS_pidfd_open, getpid(), 0)",
    "limits others": "prlimit(getppid(), RLIMIT_CPU, 0, (void *)buffer)",
    "raises its own limit": "setrlimit(RLIMIT_FSIZE, &high)",
    "loads a kernel": "syscall(SYS_kexec_load, 0, 0, 0, 0)",
    "loads a module": 'syscall(SYS_finit_module, 0, "", 0)',
    "opens by handle": "syscall(SYS_open_by_handle_at, AT_FDCWD, buffer, 0)",
    "loosens its filter": "prctl(PR_SET_SECCOMP, 0, 0, 0, 0)",
    "sets an attribute": 'setxattr(".", "user.x", "x", 1, 0)',
    "renices others": "setpriority(PRIO_USER, 0, 19)",
    "pushes into a terminal": "ioctl(0, TIOCSTI, buffer)",
    "finds an inherited descriptor": "inherited()",
}

PROBES = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
static char buffer[256], outside[4096];
static struct rlimit high = {1L << 40, 1L << 40};
static int two[2], judge;
static int inherited(void) {
  for (int fd = 3; fd < 1024; fd++) if (fcntl(fd, F_GETFD) >= 0) return fd;
  return -1;
}
#define TRY(name, attempt) { errno = 0; long r = (attempt); printf("%s: %ld %d\\n", name, r, errno); fflush(stdout); }
int main() {
  if (scanf("%4095s %d", outside, &judge) != 2) return 1;
"""


@pytest.fixture
def outside(tmp_path):
    """A file that everybody on this machine may read and write, save who is in a box."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    secret.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    yield secret
    assert secret.read_text() == "secret"
    assert [p.name for p in tmp_path.iterdir()] == ["secret.txt"]


async def bash(sandbox, code, text="", limits=LIMITS):
    (seen,) = await sandbox.run(Program(code, language="bash"), [Stdin(text)], limits)
    return seen


async def still_served(sandbox):
    """The worker's next job sees an empty box of its own."""
    seen = await bash(sandbox, "ls -A; env | grep -c EVIL; ls -A /kit /tmp 2>/dev/null | grep evil; cat")
    assert (seen.status, seen.stdout) == (Status.OK, "main.sh\n0\n"), seen


async def test_refused(sandbox, outside):
    if isinstance(found := toolchains.find("c"), str):
        pytest.skip(found)
    tries = "\n".join(f'  TRY("{name}", {attempt})' for name, attempt in REFUSED.items())
    (seen,) = await sandbox.run(
        Program(f"{PROBES}{tries}\n}}", language="c"), [Stdin(f"{outside} {os.getpid()}")], LIMITS
    )
    assert seen.status is Status.OK, seen
    told = dict(line.split(": ") for line in seen.stdout.splitlines())
    assert told.keys() == REFUSED.keys()
    assert {name: result for name, result in told.items() if not result.startswith("-1 ")} == {}
    by_number = {name for name, attempt in REFUSED.items() if attempt.startswith("syscall(")}
    assert {told[name] for name in by_number} <= {f"-1 {errno.EPERM}", f"-1 {errno.ENOSYS}"}
    await still_served(sandbox)


async def test_no_network_by_the_shell(sandbox):
    seen = await bash(sandbox, "exec 3<>/dev/tcp/127.0.0.1/22 && echo connected")
    assert seen.stdout == ""
    assert seen.status is not Status.OK


async def test_the_environment_is_the_boxs_own(sandbox, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    seen = await bash(sandbox, "env; cat /proc/1/environ /proc/$PPID/environ 2>/dev/null | tr '\\0' '\\n'")
    names = {line.partition("=")[0] for line in seen.stdout.splitlines()}
    assert names <= {"HOME", "TMPDIR", "LANG", "PATH", "PWD", "SHLVL", "_", "OLDPWD"}


async def test_only_its_own_processes_are_seen(sandbox):
    seen = await bash(sandbox, "for p in /proc/[0-9]*; do [ -r $p/cmdline ] && cat $p/cmdline; done | tr '\\0' ' '")
    # bubblewrap's procfs cannot hide the zygote; it can be told of, but not looked into.
    assert sandbox.tier == "bubblewrap" or "python" not in seen.stdout
    assert "pytest" not in seen.stdout


def children(pid):
    """Process ids below ``pid``."""
    try:
        direct = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return direct + [below for child in direct for below in children(child)]


async def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still waiting: {what}"
        await asyncio.sleep(0.02)


def below(sandbox):
    return set(children(sandbox._nursery._process.pid))


def commands(pids):
    """The commands of processes that are alive."""
    found = []
    for pid in pids:
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


OUTLIVES = {
    "in the background": "sleep 1000 & echo done",
    "in a session of its own": "setsid sleep 1000 & echo done",
    "twice removed": "(setsid bash -c 'sleep 1000 & disown' &) ; sleep 0.1; echo done",
    "deaf to signals": "(trap '' TERM HUP INT; sleep 1000; sleep 1000) & echo done",
    "stopped": "sleep 1000 & kill -STOP $!; echo done",
    "holding the output": "(sleep 1000; echo late) & echo done",
}


@pytest.mark.parametrize("how", OUTLIVES)
async def test_no_process_outlives_an_execution(sandbox, how):
    await still_served(sandbox)
    before = below(sandbox)
    seen = await bash(sandbox, OUTLIVES[how])
    assert (seen.status, seen.stdout) == (Status.OK, "done\n")
    assert seen.wall_s < 30
    assert below(sandbox) == before
    await still_served(sandbox)


async def test_a_fork_bomb_is_bounded_and_ends(sandbox):
    await still_served(sandbox)
    before = below(sandbox)
    seen = await bash(
        sandbox, "f() { f | f & }; f; while :; do :; done", limits=Limits(cpu_s=0.5, wall_s=5, processes=16)
    )
    assert seen.status in {Status.CPU_LIMIT, Status.WALL_LIMIT, Status.EXCEPTION, Status.CRASHED}
    assert below(sandbox) == before
    await still_served(sandbox)


LEAVES = {
    "a file": "echo x > evil; echo x > /tmp/evil; mkdir -p a/b/c; chmod 0 a",
    "a full scratch folder": "head -c 500000000 /dev/zero > a; for i in 1 2 3; do cp a a$i; done",
    "many files": "for ((i = 0; i < 20000; i++)); do : > $i; done",
    "an environment variable": "export EVIL=1",
    "a named pipe": "mkfifo evil",
    "a closed output": "exec >&- 2>&-; echo x",
    "a truncated output": "echo x; : > /dev/stdout; : > /proc/self/fd/2",
    "its own input changed": "echo evil > /proc/self/fd/0",
    "its program removed": "rm -f main.sh; ln -s /etc/passwd main.sh",
}


@pytest.mark.parametrize("name", LEAVES)
async def test_nothing_is_left_for_the_next_job(sandbox, name):
    seen = await bash(sandbox, LEAVES[name], limits=Limits(cpu_s=2.0, wall_s=30.0, output_bytes=1 << 20))
    assert seen.status is not Status.INFRASTRUCTURE
    await still_served(sandbox)


async def test_links_that_a_program_leaves_for_a_compiled_one_are_not_followed(sandbox):
    """The collected output of a compiler is a plain file: a link would name a file of the host's."""
    if isinstance(found := toolchains.find("c"), str):
        pytest.skip(found)
    from dataclasses import replace

    from atlas.sandbox import languages

    row = replace(languages.LANGUAGES["bash"][0], compile=("bash", "{file}"), run=("bash", "./program"), check=())
    chosen = toolchains.find("bash")
    sandbox._executables._toolchains["bash"] = replace(chosen, language=row)
    try:
        seen = await bash(sandbox, "ln -s /etc/hostname program")
        assert (seen.status, seen.error) == (Status.NO_LOAD, "the compiler made nothing")
    finally:
        sandbox._executables._toolchains["bash"] = chosen


async def test_a_cancelled_job_frees_its_worker(sandbox):
    await still_served(sandbox)
    before = below(sandbox)
    jobs = [asyncio.create_task(bash(sandbox, "sleep 1000 & sleep 1000", limits=Limits(wall_s=600))) for _ in range(3)]
    await until(lambda: "sleep" in commands(below(sandbox)), "the program")
    for job in jobs:
        job.cancel()
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert all(isinstance(d, asyncio.CancelledError) for d in done)
    await still_served(sandbox)
    assert below(sandbox) == before


async def test_a_job_that_is_cancelled_twice_leaves_the_next_its_own_report(sandbox):
    await still_served(sandbox)
    job = asyncio.create_task(bash(sandbox, "sleep 600", limits=Limits(wall_s=600)))
    await until(lambda: "sleep" in commands(below(sandbox)), "the program")
    job.cancel()
    for _ in range(5):
        await asyncio.sleep(0)  # on to waiting for the end of what was cancelled
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    seen = await bash(sandbox, "echo wrong; exit 3")
    assert (seen.status, seen.stdout, seen.error) == (Status.EXCEPTION, "wrong\n", "exit status 3")
    await until(lambda: "sleep" not in commands(below(sandbox)), "the end of what was cancelled")


async def test_a_cancelled_installation_leaves_the_next_job_its_own_report(sandbox):
    worker = ExecWorker(sandbox._nursery, sandbox.tier, ())
    job = ExecJob(("/bin/sh", "-c", "echo next"), {}, (), LIMITS)
    assert (await worker.run(job)).seen.status is Status.OK
    installing = asyncio.create_task(worker.run(job, ("key", bundle.made([("header", b"x" * (4 << 20))]))))
    await asyncio.sleep(0)
    installing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await installing
    assert (await worker.run(job)).seen.stdout == "next\n"
    worker.close()


async def test_a_job_sent_in_the_middle_of_another_ends_the_zygote(sandbox):
    job = ExecJob(("/bin/sleep", "600"), {}, (), Limits(wall_s=600.0))
    zygote = await sandbox._nursery.spawn(sandbox.tier, shown=())
    with closing(ExecFiles(job)) as files:
        for _ in range(2):
            zygote.begin(job.message(), files.descriptors)
    with pytest.raises(WorkerLost):
        await zygote.end(60.0)


async def test_every_worker_is_a_user_of_its_own(sandbox):
    """What ends an execution ends all that its user runs: in another worker, too, if that had the same."""
    async with await Sandbox.start(1, tier=sandbox.tier) as own:
        own._nursery._ids = itertools.count(64)
        seen = await bash(own, "id -u")
        (python,) = await own.run(Program("import os\nprint(os.getuid())"), [Stdin("")])
    users = {int(seen.stdout), int(python.stdout)}
    if os.getuid() != 0 or users == {1000}:
        pytest.skip("the box has no users that are seen outside")
    assert len(users) == 2


async def test_a_killed_worker_loses_no_job_and_leaves_nothing(sandbox):
    await still_served(sandbox)
    shm = set(os.listdir("/dev/shm"))
    before = below(sandbox)
    job = asyncio.create_task(bash(sandbox, "sleep 1 & sleep 1; echo done"))
    await until(lambda: "sleep" in commands(below(sandbox)), "the program")
    killed = below(sandbox)
    for pid in before:
        with suppress(ProcessLookupError):  # the one before may have taken it along
            os.kill(pid, signal.SIGKILL)
    seen = await job
    assert (seen.status, seen.stdout) == (Status.OK, "done\n")
    await until(lambda: not commands(killed), "the end of what ran")
    await until(lambda: set(os.listdir("/dev/shm")) <= shm, "the removal of its folder")


async def test_closing_ends_everything(sandbox):
    own = await Sandbox.start(1, tier=sandbox.tier)
    job = asyncio.create_task(bash(own, "sleep 1000 & sleep 1000", limits=Limits(wall_s=600)))
    await until(lambda: "sleep" in commands(below(own)), "the program")
    pids = below(own)
    await own.aclose()
    (end,) = await asyncio.gather(job, return_exceptions=True)
    assert "closed" in str(end)
    await until(lambda: not commands(pids), "the end of what ran")


def open_files(pid):
    """How many descriptors a process has; 0 if it is none of this user's to look into."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return 0


async def test_descriptors_do_not_pile_up(sandbox):
    await still_served(sandbox)
    before = open_files("self"), sorted(map(open_files, below(sandbox)))
    for _ in range(5):
        await bash(sandbox, "echo x | cat; exit 1")
    assert (open_files("self"), sorted(map(open_files, below(sandbox)))) == before


async def test_the_canary_notices_that_it_can_signal_its_parent():
    nobody = str((1 << 22) + 1)
    code = f"from atlas.sandbox.box import exec_probe; print(exec_probe._signals_nobody({nobody!r}))"
    free = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert await free.communicate() == (b"False\n", None)
