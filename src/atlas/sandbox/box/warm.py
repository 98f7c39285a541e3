"""Bringing a fresh interpreter to the state that all programs of its zygotes begin in."""

from __future__ import annotations

import _sitebuiltins
import builtins
import gc
import importlib
import os

from atlas.sandbox.box import rehearsal

FIRST_FREE_FD = 10
PRELOAD = """
abc array ast base64 bisect calendar cmath collections collections.abc contextlib copy copyreg csv
dataclasses datetime decimal enum fractions functools gc hashlib heapq inspect io itertools json keyword
linecache locale math numbers operator os os.path pprint queue random re reprlib select signal socket
statistics string struct sys tempfile textwrap threading time timeit token tokenize traceback types typing
unicodedata unittest uuid warnings weakref zlib
""".split()


def up() -> None:
    """Load the modules that programs use and run what they will run, once for all of them."""
    for name in PRELOAD:
        importlib.import_module(name)
    builtins.exit, builtins.quit = (
        _sitebuiltins.Quitter(name, "Ctrl-D") for name in ("exit", "quit")
    )  # as site has them
    # Received descriptors must never land on the numbers that a program's process uses.
    while os.open(os.devnull, os.O_RDWR) < FIRST_FREE_FD:
        pass
    rehearsal.rehearse()


def keep() -> None:
    """Share what there is with every fork: the collector would write to pages that hold it."""
    gc.collect()
    gc.freeze()
    gc.disable()
