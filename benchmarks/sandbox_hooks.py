"""Clocks around the steps of an execution, laid on from outside: the product knows nothing of them.

Every step's calls and CPU nanoseconds are added up in a file that judge, zygote and program's process share. Also
loaded by the nursery: standard library only.
"""

from __future__ import annotations

import functools
import mmap
import struct
import time
from collections.abc import Callable
from typing import Any

_PAIR = struct.Struct("<qq")
_NAME_BYTES = 48
_SLOTS = 64
_SLOT = _NAME_BYTES + _PAIR.size
SIZE = _SLOTS * _SLOT

clock = time.thread_time_ns


class Ledger:
    """Sums by name in a file of ``SIZE`` bytes; a name is entered before anybody forks."""

    def __init__(self, path: str) -> None:
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    def enter(self, name: str) -> int:
        """The place of ``name``, new or old."""
        wanted = name.encode().ljust(_NAME_BYTES, b"\0")
        for place in range(0, SIZE, _SLOT):
            found = self._map[place : place + _NAME_BYTES]
            if found in {wanted, bytes(_NAME_BYTES)}:
                self._map[place : place + _NAME_BYTES] = wanted
                return place + _NAME_BYTES
        raise ValueError("no more room for names")

    def add(self, place: int, ns: int) -> None:
        """One more call. A place has one writer at a time."""
        calls, total = _PAIR.unpack_from(self._map, place)
        _PAIR.pack_into(self._map, place, calls + 1, total + ns)

    def clear(self) -> None:
        """All sums to zero."""
        for place in range(0, SIZE, _SLOT):
            _PAIR.pack_into(self._map, place + _NAME_BYTES, 0, 0)

    def sums(self) -> dict[str, tuple[int, int]]:
        """Calls and nanoseconds by name."""
        found: dict[str, tuple[int, int]] = {}
        for place in range(0, SIZE, _SLOT):
            name = self._map[place : place + _NAME_BYTES].rstrip(b"\0").decode()
            if name:
                found[name] = _PAIR.unpack_from(self._map, place + _NAME_BYTES)
        return found


def timed(ledger: Ledger, owner: Any, attribute: str, name: str) -> None:
    """Count what ``owner.attribute`` takes as ``name``."""
    original: Callable[..., Any] = getattr(owner, attribute)
    place = ledger.enter(name)

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        began = clock()
        try:
            return original(*args, **kwargs)
        finally:
            ledger.add(place, clock() - began)

    setattr(owner, attribute, wrapper)


def _forked(ledger: Ledger, kernel: Any) -> None:
    """A fork returns twice; the child's clock starts at zero."""
    fork: Callable[[], int] = kernel.fork
    place = ledger.enter("zygote fork")

    def wrapper() -> int:
        began = clock()
        if pid := fork():
            ledger.add(place, clock() - began)
        return pid

    kernel.fork = wrapper


def _moment(ledger: Ledger, owner: Any, attribute: str, before: str, after: str) -> None:
    """Count the CPU time since birth with which ``owner.attribute`` is entered and left."""
    original: Callable[..., Any] = getattr(owner, attribute)
    first, last = ledger.enter(before), ledger.enter(after)

    def wrapper(*args: Any) -> Any:
        ledger.add(first, clock())
        try:
            return original(*args)
        finally:
            ledger.add(last, clock())

    setattr(owner, attribute, wrapper)


def install(path: str) -> None:
    """Lay the clocks on in a nursery that is about to start."""
    from atlas.sandbox.box import child, kernel, landlock, program, roles, seccomp, wire, zygote  # noqa: PLC0415

    ledger = Ledger(path)
    _forked(ledger, kernel)
    timed(ledger, wire, "receive", "zygote receive")
    timed(ledger, wire, "send", "zygote send")
    timed(ledger, zygote._Zygote, "supervise", "zygote supervise")
    timed(ledger, zygote._Zygote, "_renew_scratch", "zygote scratch")
    timed(ledger, zygote._Zygote, "_setup_error", "zygote setup error")
    timed(ledger, zygote.os, "wait4", "zygote wait4")
    timed(ledger, zygote._Zygote, "answer", "zygote execute")
    _moment(ledger, child, "_confine", "child born", "child confined")
    timed(ledger, child, "_limit", "child rlimits")
    for name in ("setgroups", "setresgid", "setresuid"):
        timed(ledger, child.os, name, "child user")
    timed(ledger, child.os, "dup2", "child dup2")
    timed(ledger, kernel, "drop_capabilities", "child capset")
    for name in ("die_with_parent", "undumpable", "no_new_privileges"):
        timed(ledger, kernel, name, "child prctl")
    timed(ledger, kernel, "close_from", "child close_range")
    timed(ledger, landlock, "restrict_self", "child landlock")
    timed(ledger, seccomp.Filter, "install", "child seccomp")
    _moment(ledger, roles, "play", "child playing", "child played")
    timed(ledger, program, "load", "child load")
    timed(ledger, roles._Recorder, "run", "child run")
    timed(ledger, roles._Recorder, "begin", "child begin")
    timed(ledger, roles._Recorder, "write", "child write")
