"""Starting a server that outlives the command: a name and a port are claimed, its keeper is started and waited for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from atlas.engine import llama_server
from atlas.engine.serving import log, records
from atlas.engine.serving.keeper import KEEP, Order
from atlas.engine.serving.process import Process
from atlas.engine.serving.records import Record
from atlas.engine.serving.stopping import port_is_free, stop
from atlas.engine.settings import Settings
from atlas.engine.supervisor import Progress
from atlas.errors import EngineError, UsageError

FIRST_PORT = 8080
_PORTS = 100
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Wish:
    """What to start: settings without a port, ``llama-server``'s path if it runs them, and where it is to be.

    Without a ``port`` it is the first free one from 8080 on.
    """

    name: str
    model: str
    settings: Settings
    version: str
    executable: str | None = None
    gpu: bool = False
    port: int | None = None
    notes: tuple[str, ...] = ()


def start(wish: Wish, progress: Progress) -> Record:
    """Start it and wait until it answers; its record. Whatever ends this before leaves nothing behind.

    Raises:
        UsageError: the name or the port is taken.
        EngineError: it does not start; the engine's own reason.
    """
    keeper, order = _claim(wish)
    record = order.record
    assert keeper.stdin is not None
    try:
        keeper.stdin.write(order.dump().encode() + b"\n")
        keeper.stdin.flush()
        found = _wait(record, keeper, progress)
        keeper.stdin.write(KEEP)
        keeper.stdin.close()
    except BaseException as e:
        _undo(keeper, record)
        if isinstance(e, BrokenPipeError):
            raise EngineError(f"{wish.name} ended while it started: it was stopped, or killed.") from None
        raise
    return found


def check_free(name: str, port: int | None) -> None:
    """Refuse a name or a port that is taken, before anything slow is done for it.

    Raises:
        UsageError: it is.
    """
    with records.locked():
        _check_name(name)
        _free_port(port)


def _claim(wish: Wish) -> tuple[subprocess.Popen[bytes], Order]:
    with records.locked():
        _check_name(wish.name)
        port = _free_port(wish.port)
        folder = records.folder(wish.name)
        shutil.rmtree(folder, ignore_errors=True)  # what a server left that is gone
        folder.mkdir(mode=0o700)
        settings = replace(wish.settings, port=port)
        keeper = _keeper(folder)
        process = Process.of(keeper.pid)
        if process is None:
            shutil.rmtree(folder, ignore_errors=True)
            raise EngineError("The process that looks after the engine ended at once: is the installation whole?")
        record = Record(
            name=wish.name,
            model=wish.model,
            file=str(settings.model),
            draft=None if settings.draft is None else str(settings.draft),
            kind="embedded" if wish.executable is None else "llama-server",
            version=wish.version,
            port=port,
            slots=settings.slots,
            context=settings.context,
            cache=settings.cache,
            command=_command(wish.executable, settings),
            keeper=process,
            since=time.time(),
            notes=wish.notes,
        )
        records.write(record)
        return keeper, Order(record, settings, wish.executable, wish.gpu)


def _check_name(name: str) -> None:
    records.folder(name)
    found = records.read(name)
    if found is not None and found.alive:
        raise UsageError(
            f"An engine called {name} is {found.state} at {found.url}: `atlas down {name}` stops it, or give "
            "another --name."
        )


def _free_port(port: int | None) -> int:
    taken = {record.port: record.name for record in records.all_records() if record.alive}
    if port is None:
        ports = range(FIRST_PORT, FIRST_PORT + _PORTS)
        found = next((p for p in ports if p not in taken and port_is_free(p)), None)
        if found is None:
            raise UsageError(f"The ports {ports[0]} to {ports[-1]} are all in use: give another with --port.")
        return found
    if port in taken or not port_is_free(port):
        whose = f"the engine {taken[port]}" if port in taken else "another program"
        raise UsageError(f"Port {port} is in use by {whose}: choose another --port, or leave it out.")
    return port


def _command(executable: str | None, settings: Settings) -> tuple[str, ...]:
    """The words that start it by hand; the embedded engine has none."""
    if executable is None:
        return ()
    launch = llama_server.plan(executable, settings)
    return tuple(launch.config["exec"])


def _keeper(folder: Path) -> subprocess.Popen[bytes]:
    # -P: a file in the working directory must not stand in for a module. What Python itself has to say in an
    # accident goes to the log.
    with (folder / log.NAME).open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "atlas.engine.serving.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd="/",
            start_new_session=True,
        )


def _wait(record: Record, keeper: subprocess.Popen[bytes], progress: Progress) -> Record:
    """The record once it runs."""
    began = told = time.monotonic()
    while True:
        ended = keeper.poll() is not None  # asked first: what it wrote before its end is read then
        found = records.read(record.name)
        if found is not None and found.keeper == record.keeper:
            if found.state == "failed":
                raise EngineError(found.error)
            if found.state == "running":
                return found
        if ended:
            last = "".join(log.tail(records.folder(record.name), 1))
            raise EngineError(f"{record.name} ended while it started{f': {last}' if last else ': it was stopped.'}")
        now = time.monotonic()
        if now - told >= 1:
            told = now
            progress(f"loading for {now - began:.0f} s")
        time.sleep(_LOOK_S)


def _undo(keeper: subprocess.Popen[bytes], record: Record) -> None:
    """End what was begun. The keeper would end by itself when its stdin does; here it is waited for."""
    try:
        assert keeper.stdin is not None
        keeper.stdin.close()
    except BrokenPipeError:
        pass  # it is gone already
    stop(record)
    keeper.wait()
