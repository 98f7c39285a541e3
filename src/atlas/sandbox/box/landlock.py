"""Landlock: what a process may still do with files, for itself and its descendants (Linux 5.13; landlock(7)).

Rules bind to the inodes that paths name when the ruleset is made, and cover what is beneath them: no other spelling
of a path (symlink, ``/proc/*/root``, rename) gains an access.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from typing import Literal

from atlas.sandbox.box import kernel

Access = Literal["read", "list", "run", "write", "all"]
"""``run`` reads and executes, ``write`` is what a scratch folder needs, ``all`` everything but making device nodes."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_QUERY = 1
_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_MAKE_DEVICES = 1 << 6 | 1 << 11
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
"""Rights that a rule on a plain file may carry; the last two are truncate and ioctl."""

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


def _rights(handled: int, access: Access) -> int:
    match access:
        case "read":
            return _READ_FILE | _READ_DIR
        case "run":
            return _EXECUTE | _READ_FILE | _READ_DIR
        case "list":
            return _READ_DIR
        case "write":
            return handled & ~(_EXECUTE | _MAKE_DEVICES)
        case "all":
            return handled & ~_MAKE_DEVICES


def make_ruleset(rules: Iterable[tuple[str, Access]], *, contents_only: bool = False) -> int:
    """Return the descriptor of a ruleset that denies all but ``rules``: paths with what may be done at and
    below them.

    Paths that do not exist are left out: nothing is there to allow. With ``contents_only`` folders may be listed
    everywhere, and neither network nor signals are restricted.

    Raises:
        OSError: the kernel has no Landlock, or refuses a rule; the message names it.
    """
    abi = version()
    handled = _handled(abi) & ~(_READ_DIR if contents_only else 0)
    net, scopes = (0, 0) if contents_only else (_BOTH_NET, _BOTH_SCOPES)
    attributes = (ctypes.c_uint64 * 3)(handled, net if abi >= 4 else 0, scopes if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = kernel.syscall("landlock_create_ruleset", _CREATE_RULESET, ctypes.byref(attributes), size, 0)
    try:
        for path, access in rules:
            _add(ruleset, path, _rights(handled, access))
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def _add(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        rule = rights.to_bytes(8, "little") + fd.to_bytes(4, "little")
        kernel.syscall(f"landlock_add_rule({path})", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(fd)


def restrict_self(ruleset: int) -> None:
    """Put this thread, and what it starts, under ``ruleset`` for good. Needs ``kernel.no_new_privileges``
    first.
    """
    kernel.plain_syscall("landlock_restrict_self", _RESTRICT_SELF, ruleset)
