"""Stopping a server: its keeper in order, else by force; then nothing of it is left."""

from __future__ import annotations

import signal
import socket
import time

from atlas.engine.serving import records
from atlas.engine.serving.records import Record
from atlas.errors import EngineError

_ORDERLY_S = 12.0
"""The keeper gives the engine three seconds twice."""
_FORCED_S = 10.0
_PORT_S = 5.0


def stop(record: Record) -> None:
    """End the server, wait until processes and port are free, and remove its folder.

    Raises:
        EngineError: a process cannot be ended.
    """
    record.keeper.send(signal.SIGTERM)
    if not record.keeper.gone_within(_ORDERLY_S):
        record.keeper.send(signal.SIGKILL)
        record.keeper.gone_within(_FORCED_S)
    # As it was last known: a keeper that was killed cannot have told of a later one, and the kernel ends that one.
    last = records.read(record.name)
    engines = {r.engine for r in (record, last) if r is not None and r.keeper == record.keeper} - {None}
    for engine in engines:
        if engine is not None and not engine.gone_within(1.0):
            engine.send(signal.SIGKILL, group=True)
            engine.gone_within(_FORCED_S)
    if record.keeper.alive or any(engine is not None and engine.alive for engine in engines):
        raise EngineError(f"A process of {record.name} does not end: it belongs to another user, or hangs in a driver.")
    until = time.monotonic() + _PORT_S
    while not port_is_free(record.port) and time.monotonic() < until:
        time.sleep(0.05)
    records.discard(record.name, record.keeper)


def port_is_free(port: int) -> bool:
    """Whether a server could listen there; connections of an earlier one that linger don't count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
