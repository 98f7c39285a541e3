"""The process that stays: ``python -m atlas.engine.serving.keeper``. It runs one server until it is told to stop.

One line of JSON on stdin says what to run. Another line, ``keep``, makes it stay: should whoever started it die
before that line, the end of stdin ends it, and nothing is left. SIGTERM ends the server in order and removes its
folder. A server that crashes is started again, three times a minute at most. The server dies with its keeper, however
that dies (see ``atlas.engine.child``).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from atlas.engine import embedded, llama_server
from atlas.engine.serving import records
from atlas.engine.serving.clocks import reader
from atlas.engine.serving.log import BoundedLog
from atlas.engine.serving.process import Process
from atlas.engine.serving.records import Record
from atlas.engine.serving.telling import LoadLog, Work, work
from atlas.engine.serving.throttle import Reading, Stretch
from atlas.engine.settings import Settings
from atlas.engine.supervisor import Launch, Supervisor
from atlas.errors import EngineError

KEEP = b"keep\n"
_MOST_CRASHES = 3
_CRASHES_S = 60.0
_BACK_OFF_S = 0.5
"""Pause before the first restart; it doubles with every crash of the last minute."""
_LOOK_S = 5.0
_MOST_NOTES = 8


@dataclass(frozen=True, slots=True)
class Order:
    """What to run: the record as it begins, the settings, and ``llama-server``'s path, or None for the embedded.

    ``gpu`` says whether cards do the work, so that theirs are the clocks to look at.
    """

    record: Record
    settings: Settings
    executable: str | None
    gpu: bool

    def dump(self) -> str:
        """As one line; ``parse`` reads it."""
        settings = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self.settings).items()}
        return json.dumps(asdict(self) | {"settings": settings})

    @classmethod
    def parse(cls, line: str | bytes) -> Order:
        """From a line of ``dump``."""
        data: dict[str, Any] = json.loads(line)
        settings = data["settings"]
        settings |= {"model": Path(settings["model"]), "placement": tuple(settings["placement"])}
        settings["draft"] = None if settings["draft"] is None else Path(settings["draft"])
        return cls(records.from_data(data["record"]), Settings(**settings), data["executable"], data["gpu"])

    def launch(self) -> Launch:
        """One start of the server."""
        if self.executable is None:
            return embedded.plan(self.settings)
        return llama_server.plan(self.executable, self.settings)


class Keeper:
    """Keeps one server up. It alone writes ``record``."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.record = order.record
        self._log = BoundedLog(records.folder(order.record.name))
        self._told = LoadLog()
        self._last = ""
        self._crashes: deque[float] = deque(maxlen=_MOST_CRASHES)

    async def run(self) -> None:
        """Until it is cancelled, or gives up."""
        try:
            await self._keep()
        finally:
            self._log.close()

    async def _keep(self) -> None:
        while True:
            supervisor = Supervisor("The engine", self._order.launch, sink=self._hear)
            watching: asyncio.Task[None] | None = None
            try:
                await supervisor.start()
                engine = None if supervisor.pid is None else Process.of(supervisor.pid)
                self._write(
                    state="running",
                    engine=engine,
                    since=time.time(),
                    flash=self._told.flash,
                    cache=self._told.cache or self.record.cache,
                )
                self._say(f"listening on {self.record.url}")
                watching = asyncio.create_task(self._watch())
                how = await supervisor.ended()
            except EngineError as e:
                if self.record.engine is None:
                    self._give_up(str(e))
                    return
                how = f"could not be started again ({e})"
            finally:
                if watching is not None:
                    watching.cancel()
                await supervisor.stop()
            if not await self._restarts(how):
                return

    async def _restarts(self, how: str) -> bool:
        """After a crash: wait and say that it is started again, or give up."""
        now = time.monotonic()
        self._crashes.append(now)
        recent = sum(now - at < _CRASHES_S for at in self._crashes)
        words = f"The engine {how}"
        if recent == _MOST_CRASHES:
            self._give_up(f"{words}, {recent} times in a minute, and is not started again; its last line: {self._last}")
            return False
        pause = _BACK_OFF_S * 2 ** (recent - 1)
        self._say(f"{words}; it is started again in {pause:g} s")
        self._write(state="restarting", restarts=self.record.restarts + 1)
        await asyncio.sleep(pause)
        return True

    def _give_up(self, error: str) -> None:
        self._say(error)
        self._write(state="failed", error=error)

    def _hear(self, line: str) -> None:
        self._log.write(line)
        self._told.read(line)
        self._last = line.strip() or self._last

    def _say(self, text: str) -> None:
        self._log.write(f"atlas: {text}")

    def _write(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)
        with suppress(OSError):  # on a full disk the server goes on; the next change is written when there is room
            records.write(self.record)

    async def _watch(self) -> None:
        """Look every few seconds how fast it is, and whether the clocks fall."""
        read, stretch = reader(gpu=self._order.gpu), Stretch()
        before = Work(0, 0, 0)
        while True:
            await asyncio.sleep(_LOOK_S)
            done = await work(self.record.port)
            if done is None:  # it is too busy to answer, or wants a key
                continue
            speed = _speed(before, done)
            before = done
            if speed is not None and speed != self.record.speed:
                self._write(speed=speed)
            note = stretch.add(Reading(time.monotonic(), read(), done.busy, speed))
            if note is not None:
                self._say(note)
                when = time.strftime("%H:%M")
                self._write(notes=(*self.record.notes, f"{when} {note}")[-_MOST_NOTES:])


def _speed(before: Work, done: Work) -> float | None:
    """Tokens a second of one request, over those that ended between two looks."""
    if done.seconds <= before.seconds or done.tokens <= before.tokens:
        return None
    return round((done.tokens - before.tokens) / (done.seconds - before.seconds), 1)


async def _kept(keeper: Keeper) -> None:
    """Run, as long as nobody stops it and its starter asks for it."""
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(keeper.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin.buffer)

    async def confirmed() -> None:
        if await stdin.readline() != KEEP:
            running.cancel()

    confirming = asyncio.create_task(confirmed())
    try:
        await running
    finally:
        confirming.cancel()


def main() -> None:
    """Read the order and keep it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it outlives the terminal
    line = os.fdopen(os.dup(0), "rb", buffering=0).readline()  # unbuffered: what follows is read elsewhere
    if not line.endswith(b"\n"):
        return
    keeper = Keeper(Order.parse(line))
    with suppress(asyncio.CancelledError):
        asyncio.run(_kept(keeper))
    if keeper.record.state != "failed":
        records.discard(keeper.record.name, keeper.record.keeper)


if __name__ == "__main__":
    main()
