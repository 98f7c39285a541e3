"""A program that must run, and must not get out: run in every new worker before its first job.

Which tier works is found here, by trying, and not by reading the kernel's settings.
"""

from __future__ import annotations

from atlas.problem import Call
from atlas.sandbox.job import Job
from atlas.sandbox.types import Limits, Observation, Program, Status

TIERS = ("userns", "root", "bubblewrap", "landlock")
"""In order of preference: own user namespace; namespaces with root's help; namespaces made by bubblewrap, which costs a
start of the interpreter for each worker; Landlock and seccomp only."""
UNSAFE = "unsafe"
"""Limits only: for who asks for it by name."""

_CODE = """
import os, socket, threading

def denied(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False

def canary(path):
    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    import xml.dom.minidom
    print("canary")
    return {
        "thread": done,
        "file": denied(lambda: open(path)),
        "process": denied(os.fork),
        "network": denied(socket.socket),
        "signal": denied(lambda: os.kill(os.getppid() or 1, 0)),
        "environment": dict(os.environ),
    }
"""

_UNSAFE_CODE = """
import os, threading

def canary(path):
    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    print("canary")
    return {"thread": done, "environment": dict(os.environ)}
"""

_RUNS: dict[str, object] = {"thread": [1], "environment": {}}
_EXPECTED: dict[str, object] = {
    **_RUNS,
    "file": True,
    "process": True,
    "network": True,
    "signal": True,
}


def job(tier: str) -> Job:
    """Return the canary; it is told a file that this process can read and it must not."""
    limits = Limits(cpu_s=10.0, wall_s=60.0)
    code = _UNSAFE_CODE if tier == UNSAFE else _CODE
    return Job(Program(code, "canary"), (Call((__file__,)),), limits, "calls")


def fault(seen: Observation, tier: str) -> str | None:
    """Say what is wrong with a worker in which the canary was observed so; None if it is sound."""
    if seen.status is not Status.OK:
        return f"the canary ended in {seen.status.value}: {seen.error}"
    if seen.stdout != "canary\n":
        return "the canary's output was lost"
    expected = _RUNS if tier == UNSAFE else _EXPECTED
    wrong = [key for key, value in expected.items() if seen.value.get(key) != value]
    return f"the canary was not held back or hindered: {', '.join(wrong)}" if wrong else None
