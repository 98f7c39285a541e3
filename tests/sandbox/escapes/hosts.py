"""What there is to get at outside a box, whether it is intact, and what a probe gets when nothing confines it."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from probe import PRELUDE

from atlas.sandbox import sandbox

SECRET = "s3cret-of-the-host"
VARIABLE = "ATLAS_ESCAPE_SECRET"


class Host:
    """A file, a folder, a process and three listeners that everybody on this machine may use, save who is in a box."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.folder = folder
        self.file = folder / "secret.txt"
        self.file.write_text(SECRET)
        self.file.chmod(0o666)
        for place in (folder, *folder.parents):
            if place.stat().st_uid == os.getuid() and place.is_relative_to("/tmp") and place != Path("/tmp"):
                place.chmod(0o755)
        folder.chmod(0o777)
        self.victim = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(10**6)"])
        self._stack.callback(self._end)
        self.abstract = f"\0atlas-escape-{os.getpid()}-{folder.name}"
        self.unix = str(folder / "s")
        self.tcp = self._listener(socket.AF_INET, ("127.0.0.1", 0))
        self._listener(socket.AF_UNIX, self.unix)
        self._listener(socket.AF_UNIX, self.abstract)
        self._before = self._state()

    def _listener(self, family: int, address: Any) -> tuple[str, int]:
        listener = self._stack.enter_context(socket.socket(family))
        listener.bind(address)
        listener.listen()
        listener.setblocking(False)
        self._listeners = [*getattr(self, "_listeners", []), listener]
        return listener.getsockname()

    def _end(self) -> None:
        self.victim.kill()
        self.victim.wait()

    def offer(self, tier: str) -> dict[str, Any]:
        """Return what a probe is told; all of it is data."""
        return {
            "tier": tier,
            "file": str(self.file),
            "folder": str(self.folder),
            "pid": self.victim.pid,
            "judge": os.getpid(),
            "tcp": self.tcp,
            "unix": self.unix,
            "abstract": self.abstract,
            "source": sandbox.__file__,
            "secret": SECRET,
            "variable": VARIABLE,
        }

    def _state(self) -> dict[str, Any]:
        stat, pid = self.file.stat(), self.victim.pid
        limits = (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)
        return {
            "content": self.file.read_bytes(),
            "inode": (stat.st_mode, stat.st_uid, stat.st_mtime_ns, stat.st_nlink, stat.st_ino),
            "folder": sorted(os.listdir(self.folder)),
            "victim ended or stopped": Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZXTt",
            "victim's priority": os.getpriority(os.PRIO_PROCESS, pid),
            "victim's processors": os.sched_getaffinity(pid),
            "victim's scheduler": os.sched_getscheduler(pid),
            "victim's limits": [resource.prlimit(pid, which) for which in limits],
            "our priority": os.getpriority(os.PRIO_PROCESS, 0),
            "machine's name": socket.gethostname(),
            "left in memory": [name for name in _names("/dev/shm") if "evil" in name],
            "left in the root": [name for name in _names("/") + _names("/tmp") if "evil" in name],
        }

    def check(self) -> None:
        """Assert that nothing was changed, ended, or talked to."""
        now = self._state()
        assert now == self._before, {key: value for key, value in now.items() if value != self._before[key]}
        for listener in self._listeners:
            try:
                listener.accept()
            except BlockingIOError:
                continue
            raise AssertionError("somebody has connected")

    def close(self) -> None:
        """End all that was started."""
        self._stack.close()


def _names(folder: str) -> list[str]:
    return os.listdir(folder) if os.path.isdir(folder) else []


# Each attempt has a process of its own, which may do as it likes to mounts, names, keys and shared memory: they are
# its own where it may have any. Reads one JSON line an attempt, [expression, host], and writes one.
_SERVER = """
def main():
    for line in sys.stdin:
        expression, host = json.loads(line)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            signal.alarm(20)
            attempt(lambda: call("keyctl", 1, None))
            if libc.unshare(0x00020000 | 0x04000000 | 0x08000000) == 0:
                libc.mount(b"", b"/", b"", ctypes.c_ulong(0x4000 | 1 << 18), None)
            os.write(writer, attempt(lambda: eval(expression, globals() | {"host": host})).encode())
            os._exit(0)
        os.close(writer)
        status = os.waitpid(pid, 0)[1]
        os.set_blocking(reader, False)
        try:
            said = os.read(reader, 10000).decode() or f"error: ended with {status}"
        except BlockingIOError:
            said = f"error: ended with {status}"
        os.close(reader)
        print(json.dumps(said), flush=True)
main()
"""


class Outside:
    """A process that is confined by nothing, with a host of its own to do its worst to."""

    def __init__(self, folder: Path) -> None:
        self._host = folder
        self._count = 0
        self._known: dict[str, str] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", PRELUDE + _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={VARIABLE: SECRET},
            text=True,
        )

    def attempt(self, expression: str) -> str:
        """Return what ``attempt`` of the prelude says of an expression."""
        if expression not in self._known:
            self._known[expression] = self._ask(expression)
        return self._known[expression]

    def _ask(self, expression: str) -> str:
        self._count += 1
        folder = self._host / str(self._count)
        folder.mkdir()
        host = Host(folder)
        try:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([expression, host.offer("outside")]) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        finally:
            host.close()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
