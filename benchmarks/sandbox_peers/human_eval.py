"""How the HumanEval harness judges (Chen et al. 2021, arXiv 2107.03374), written anew from its description: a process
and a manager for each check, dangerous functions taken away inside it, an alarm as the time limit.
"""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import io
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from sandbox_peers.case import Case
from sandbox_peers.host import in_threads

_LIMIT_S = 1.0
_TAKEN_AWAY = {
    os: """
    kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace unlink
    fchmod fchown chmod chown chroot lchown getcwd chdir
    """,
    shutil: "rmtree move chown",
    subprocess: "Popen",
    builtins: "exit quit",
}


class _TimeUp(Exception):
    pass


class HumanEval:
    """The program and its asserts are one text; that it runs to its end is what passing means."""

    def start(self, workers: int) -> None:
        self._workers = workers

    def judge(self, cases: Sequence[Case]) -> list[bool]:
        return in_threads(_passes, cases, self._workers)

    def close(self) -> None:
        pass


def _passes(case: Case) -> bool:
    with multiprocessing.Manager() as manager:
        said = manager.list()
        process = multiprocessing.Process(target=_run, args=(case.with_asserts(), said))
        process.start()
        process.join(_LIMIT_S + 1)
        if process.is_alive():
            process.kill()
            process.join()
        return list(said) == ["passed"]


def _run(source: str, said: Any) -> None:
    # The folder is removed at the end, by functions that are gone by then.
    rmtree, rmdir, unlink, chdir = shutil.rmtree, os.rmdir, os.unlink, os.chdir
    folder = tempfile.mkdtemp()
    home = os.getcwd()
    os.chdir(folder)
    _take_away()
    try:
        with _silenced(), _alarm(_LIMIT_S):
            exec(source, {})
        said.append("passed")
    except _TimeUp:
        said.append("timed out")
    except BaseException as error:  # noqa: BLE001  (whatever a program raises)
        said.append(f"failed: {error}")
    shutil.rmtree, os.rmdir, os.unlink, os.chdir = rmtree, rmdir, unlink, chdir
    os.chdir(home)
    shutil.rmtree(folder)


def _take_away() -> None:
    faulthandler.disable()
    os.environ["OMP_NUM_THREADS"] = "1"
    for owner, names in _TAKEN_AWAY.items():
        for name in names.split():
            setattr(owner, name, None)
    for name in ("ipdb", "joblib", "resource", "psutil", "tkinter"):
        sys.modules[name] = None  # type: ignore[assignment]


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    text = io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO()
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            yield
    finally:
        sys.stdin = before


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise _TimeUp

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
