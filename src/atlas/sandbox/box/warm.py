"""Bringing a fresh interpreter to the state that all programs of its zygotes begin in."""

from __future__ import annotations

import _sitebuiltins
import builtins
import gc
import os

from atlas.sandbox.box import rehearsal

FIRST_FREE_FD = 10


def up() -> None:
    """Run what programs will run, once for all of them; the modules that they use are loaded (``preload``)."""
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
