"""Landlock through ctypes: a process gives up file accesses for good (Linux 5.13+, landlock(7)).

A domain binds to the calling thread and to everything it starts later. Rules name hierarchies of inodes,
so that no other spelling of a path (symlink, ``/proc/*/root``, rename, hard link to elsewhere) gains an
access.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on x86-64, aarch64 and every newer port
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI = (1 << 13) - 1
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def abi() -> int:
    """The Landlock version of the running kernel; 0 where there is none or it is switched off."""
    return max(0, _syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))


def restrict(allowed: Iterable[Path], version: int) -> None:
    """Deny this thread, and all it starts, every access to files that is not beneath ``allowed``.

    Listing directories stays possible everywhere (imports need it on every ancestor); device nodes can't
    be made.

    Raises:
        OSError: a system call failed.
    """
    # READ_DIR is not handled at all: a rule for it on an ancestor would cover everything beneath anyway.
    handled = _FIRST_ABI & ~_READ_DIR
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        handled |= right if version >= since else 0
    attributes = struct.pack("=Q", handled)
    ruleset = _checked(_syscall(_CREATE_RULESET, attributes, len(attributes), 0), "landlock_create_ruleset")
    try:
        for path in allowed:
            _allow(ruleset, path, handled & ~_MAKE_CHAR & ~_MAKE_BLOCK)
        _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(no_new_privs)")
        _checked(_syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def everything_but(denied: Iterable[Path]) -> Iterator[Path]:
    """The hierarchies that together are the whole file system without ``denied`` (resolved, absolute paths).

    An ancestor of a denied path is opened up: its other children are given, it itself isn't. So an entry
    made in an ancestor later belongs to no hierarchy and is denied too.
    """
    targets = frozenset(denied)
    ancestors = frozenset(parent for path in targets for parent in path.parents)
    pending = [Path("/")] if Path("/") in ancestors else []
    if not pending:
        yield Path("/")
    while pending:
        opened = pending.pop()
        try:
            entries = list(os.scandir(opened))
        except PermissionError:
            # Not listable (a /home of mode 711): only the way down to what is denied can be followed.
            pending += [path for path in ancestors if path.parent == opened and path != opened]
            continue
        for entry in entries:
            path = Path(entry.path)
            if path in ancestors:
                pending.append(path)
            elif path not in targets and not entry.is_symlink():
                yield path


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # gone since the directory was read: nothing to allow
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, beneath)
        _checked(_syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0), f"landlock_add_rule({path})")
    finally:
        os.close(beneath)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *arguments: bytes | int | None) -> int:
    # Every argument is a whole register: a plain int would be passed as 32 bits.
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    function = _libc().syscall
    function.restype = ctypes.c_long
    return int(function(ctypes.c_long(number), *wide))


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
