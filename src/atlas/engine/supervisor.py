"""One engine process: started, waited for, restarted after a crash, stopped. Embedded and llama-server alike.

The process never outlives this one: it is told of our end by the kernel and by the end of its stdin (see
``atlas.engine.child``), and ``stop`` ends it in order.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from atlas.engine.hardware import packages
from atlas.errors import EngineError

Progress = Callable[[str], None]
"""Told, about once a second, what is being waited for."""

_LOG_LINES = 200
_LOG_COLUMNS = 500
_STOP_S = 3.0
_DOWN_S = 5.0
_BIND_TRIES = 3


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the process once.

    ``config`` goes to ``atlas.engine.child`` on stdin. ``url`` is where the server will listen, or None when
    the child reports it. ``environment`` is added to ours.
    """

    config: Mapping[str, Any]
    environment: Mapping[str, str]
    url: str | None = None


class Supervisor:
    """Keeps one engine process up. ``plan`` makes a fresh ``Launch`` for every start, ``sink`` gets each log line."""

    def __init__(
        self,
        what: str,
        plan: Callable[[], Launch],
        *,
        restarts: int = 3,
        load_timeout_s: float = 900.0,
        progress: Progress | None = None,
        sink: Callable[[str], None] | None = None,
    ) -> None:
        self._what = what
        self._sink = sink
        self._plan = plan
        self._restarts_left = restarts
        self._load_timeout_s = load_timeout_s
        self._progress = progress
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._given_up: EngineError | None = None
        self._lock = asyncio.Lock()
        self._stopped = False
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self.events: list[str] = []
        self.report: dict[str, Any] = {}
        self.url = ""

    @property
    def pid(self) -> int | None:
        """Process id while a process is up."""
        up = self._process is not None and self._process.returncode is None
        return self._process.pid if up and self._process else None

    async def start(self) -> str:
        """Start the process and wait until it is healthy; its URL.

        Raises:
            EngineError: it ended or did not become healthy in time, with the engine's own reason.
        """
        tries_left = _BIND_TRIES
        while True:
            try:
                await self._launch()
                return self.url
            except EngineError as e:
                await self._end()
                tries_left -= 1
                # A port that was free when it was chosen may be taken by now: then choose again.
                if "couldn't bind" not in str(e) or not tries_left:
                    raise
            except BaseException:
                await self._end()
                raise

    async def recover(self) -> str:
        """After a lost connection: the URL of a healthy engine, restarted if it had died or hangs.

        Raises:
            EngineError: there is no restart left, the restart failed, or the engine was stopped.
        """
        async with self._lock:
            if self._stopped:
                raise EngineError("The engine was stopped while a request was in flight.")
            if await self._still_well():
                return self.url
            if self._given_up is not None:
                raise EngineError(str(self._given_up))
            how = self._how_it_ended()
            await self._end()
            try:
                if self._restarts_left == 0:
                    raise EngineError(f"{self._what} {how} once more and is not restarted again{self._because()}.")
                self._restarts_left -= 1
                await self.start()
            except EngineError as e:
                self._given_up = e
                raise
            self.events.append(f"{self._what} {how} and was restarted; requests in flight were sent again.")
            return self.url

    async def ended(self) -> str:
        """Wait until the process ends by itself; how it did, in words."""
        assert self._process is not None
        code = await self._process.wait()
        await asyncio.gather(*self._readers)
        return _ended(code)

    async def stop(self) -> None:
        """End the process. Safe to call twice."""
        self._stopped = True
        async with self._lock:
            await self._end()

    async def _launch(self) -> None:
        launch = self._plan()
        self.log.clear()
        self.report = {}
        # -P: a file in the working directory must not stand in for a module. A session of its own: Ctrl-C is
        # for us, the engine is stopped in order.
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "atlas.engine.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=os.environ | dict(launch.environment),
        )
        self._readers = [
            asyncio.create_task(self._read_report(process.stdout, expected=launch.url is None)),
            asyncio.create_task(self._read_log(process.stderr)),
        ]
        config = dict(launch.config) | {"parent": os.getpid()}
        assert process.stdin is not None
        process.stdin.write(json.dumps(config).encode() + b"\n")
        await self._healthy(launch.url, process)

    async def _read_report(self, stdout: asyncio.StreamReader | None, expected: bool) -> None:
        assert stdout is not None
        line = await stdout.readline() if expected else b""
        if line:
            self.report = json.loads(line)
        while await stdout.read(1 << 16):
            pass  # a full pipe would block the engine

    async def _read_log(self, stderr: asyncio.StreamReader | None) -> None:
        assert stderr is not None
        rest = ""
        while chunk := await stderr.read(1 << 16):
            *lines, rest = (rest + chunk.decode("utf-8", "replace")).split("\n")
            for line in lines:
                self._keep(line)
            rest = rest[:_LOG_COLUMNS]
        if rest:
            self._keep(rest)

    def _keep(self, line: str) -> None:
        self.log.append(line[:_LOG_COLUMNS])
        if self._sink is not None:
            self._sink(line[:_LOG_COLUMNS])

    async def _healthy(self, url: str | None, process: asyncio.subprocess.Process) -> None:
        """Wait for the report (if one is due) and for ``/health`` to say ok."""
        start = told = time.monotonic()
        pause = 0.02
        while True:
            self.url = url or self.report.get("url", "")
            if self.url and process.returncode is None and await _answers(self.url):
                return
            if process.returncode is not None:
                await asyncio.gather(*self._readers)
                raise self._failure(process.returncode)
            now = time.monotonic()
            if now - start > self._load_timeout_s:
                raise EngineError(f"{self._what} was not ready after {self._load_timeout_s:g} seconds.")
            if self._progress and now - told >= 1:
                told = now
                self._progress(f"{self._what}: loading for {now - start:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def _failure(self, code: int) -> EngineError:
        if "import_error" in self.report:
            missing: list[str] = self.report["missing"]
            if missing:
                return EngineError(f"The engine needs system libraries: install {packages(missing)}.")
            return EngineError(f"The engine cannot be loaded ({self.report['import_error']}): reinstall xllamacpp.")
        return EngineError(f"{self._what} {_ended(code)} while it started{self._because()}.")

    def _because(self) -> str:
        reason = failure_reason(self.log)
        return f": {reason}" if reason else ""

    def _how_it_ended(self) -> str:
        code = self._process.returncode if self._process else None
        return "hung" if code is None else _ended(code)

    async def _still_well(self) -> bool:
        """Whether the process lives and answers. A connection is often refused before the death is seen."""
        process = self._process
        if process is None:
            return False
        deadline = time.monotonic() + _DOWN_S
        while process.returncode is None and time.monotonic() < deadline:
            if await _answers(self.url):
                return True
            await asyncio.sleep(0.05)
        return False

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is None:
                process.send_signal(number)
            try:
                await asyncio.wait_for(process.wait(), _STOP_S)
                break
            except TimeoutError:
                continue
        await asyncio.gather(*self._readers)


async def _answers(url: str) -> bool:
    """Whether ``GET /health`` gives 200 within two seconds (503 while a model loads)."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(f"GET /health HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.read(12)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.endswith(b" 200")


def _ended(code: int) -> str:
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


_REASONS = (re.compile(r"error loading model: (.+)"), re.compile(r"^\S+ E (.+)"), re.compile(r"error: (.+)"))


def failure_reason(log: Iterable[str]) -> str:
    """Why llama.cpp failed, from its log: the most telling line, or nothing."""
    lines = list(log)
    for pattern in _REASONS:
        for line in lines:
            if found := pattern.search(line):
                return " ".join(found[1].split()).rstrip(".")[:300]
    return ""
