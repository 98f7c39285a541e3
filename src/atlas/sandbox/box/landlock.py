"""Landlock: what a process may still do with files, for itself and its descendants (Linux 5.13; landlock(7)).

Rules bind to the inodes that paths name when the ruleset is made.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import Literal

from atlas.sandbox.box import kernel

Access = Literal["read", "list", "write"]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_QUERY = 1
_PATH_BENEATH = 1

_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_OF_FILES = _WRITE_FILE | _READ_FILE | 1 << 0 | 1 << 14 | 1 << 15
"""Rights that a rule on a plain file may carry: execute, write, read, truncate, ioctl."""

# How many file rights each version of the interface knows (execute, write, read, ..., refer, truncate,
# ioctl).
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_BOTH_NET = 0b11  # bind and connect TCP, from version 4
_BOTH_SCOPES = 0b11  # abstract unix sockets and signals, from version 6


def version() -> int:
    """Return the kernel's Landlock version, 0 if it has none or it is off."""
    try:
        return kernel.syscall("landlock_create_ruleset", _CREATE_RULESET, None, 0, _VERSION_QUERY)
    except OSError:
        return 0


def _handled(abi: int) -> int:
    return (1 << _RIGHTS.get(abi, 16)) - 1


def _rights(abi: int, access: Access) -> int:
    if access == "read":
        return _READ_FILE | _READ_DIR
    if access == "list":
        return _READ_DIR
    # Everything a scratch folder needs: all rights but execute and making devices (bits 6 and 11).
    return _handled(abi) & ~(1 << 0 | 1 << 6 | 1 << 11)


def make_ruleset(rules: Iterable[tuple[str, Access]]) -> int:
    """Return the descriptor of a ruleset that denies all but ``rules``: paths with what may be done at and
    below them.

    Paths that do not exist are left out: nothing is there to allow.

    Raises:
        OSError: the kernel has no Landlock.
    """
    abi = version()
    attributes = (ctypes.c_uint64 * 3)(_handled(abi), _BOTH_NET if abi >= 4 else 0, _BOTH_SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = kernel.syscall("landlock_create_ruleset", _CREATE_RULESET, ctypes.byref(attributes), size, 0)
    for path, access in rules:
        _add(ruleset, path, _rights(abi, access))
    return ruleset


def _add(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        rule = rights.to_bytes(8, "little") + fd.to_bytes(4, "little")
        kernel.syscall("landlock_add_rule", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(fd)


def restrict_self(ruleset: int) -> None:
    """Put this thread, and what it starts, under ``ruleset`` for good. Needs ``kernel.no_new_privileges``
    first.
    """
    kernel.syscall("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
