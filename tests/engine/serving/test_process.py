"""A process is told apart from a later one with the same id, and from a dead one that nobody waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

from atlas.engine.serving.process import Process


def test_a_process_from_its_start_to_its_end() -> None:
    code = "print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # before, it is still a copy of this process, or nothing yet
        process = Process.of(child.pid)
        assert process is not None
        assert process.alive
        assert process.memory_bytes is not None
        assert 1 << 20 < process.memory_bytes < 1 << 30
        assert process.cpu_s is not None
        assert 0 <= process.cpu_s < 60
        assert not process.gone_within(0.05)
        another = replace(process, began="at another time")
        assert not another.alive
        assert another.memory_bytes is None
        another.send(signal.SIGKILL)
        another.send(signal.SIGKILL, group=True)
        assert process.alive
        process.send(signal.SIGKILL)
        assert process.gone_within(10)  # a zombie until it is waited for
        assert Process.of(child.pid) is None
    process.send(signal.SIGKILL)  # no such process any more


def test_a_whole_group() -> None:
    script = "import subprocess, sys; subprocess.Popen(['sleep', '60']); print('there', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = Process.of(child.pid)
        assert process is not None
        process.send(signal.SIGKILL, group=True)
        assert child.stdout.read() == b""  # the grandchild held it, too


def test_no_such_process() -> None:
    with subprocess.Popen(["true"]) as child:
        pass
    assert Process.of(child.pid) is None
    assert Process.of(os.getpid()) is not None
