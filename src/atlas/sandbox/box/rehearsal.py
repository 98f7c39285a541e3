"""A few small programs run in the nursery before it starts anything.

What running a program takes is then loaded, looked up and specialized by the interpreter once, and not in each
process on pages that it has to copy for that. No program of a user's runs here.
"""

from __future__ import annotations

import marshal
import mmap
import os
import sys
from typing import Any

from atlas.compare import codec
from atlas.sandbox.box import program, roles, wire

_TIMES = 20
"""The interpreter specializes code after some eight calls, and some of it again later."""
_CODE = """
import math

def f(numbers, text):
    if not numbers:
        raise ValueError("empty")
    words = [w.upper() for w in text.split() if w]
    total = 0
    for n in sorted(numbers):
        total += n % 7
    return {"words": words, "total": total, "mean": total / len(numbers), "pair": (max(numbers), text[::-1])}
"""
_INPUTS: tuple[list[Any], ...] = ([[3, 1, 2], "a b"], [[], ""])


def rehearse() -> None:
    """Run them. Uses the descriptors of a program's process, which must be open on something of no importance."""
    inputs = [codec.encode(arguments) for arguments in _INPUTS]
    request = marshal.dumps({"role": "calls", "code": _CODE, "entry": "f", "inputs": inputs})
    program.reset()
    idle = os.dup(wire.REQUEST)
    page = mmap.mmap(-1, mmap.PAGESIZE)
    for number in (wire.REQUEST, wire.RESULT):
        fd = os.memfd_create("rehearsal", os.MFD_CLOEXEC)
        os.dup2(fd, number)
        os.close(fd)
    os.write(wire.REQUEST, request)
    for _ in range(_TIMES):
        roles.play(page, roles.reserve())
    for number in (wire.REQUEST, wire.RESULT):
        os.dup2(idle, number)
    os.close(idle)
    page.close()
    del sys.modules["program"]
