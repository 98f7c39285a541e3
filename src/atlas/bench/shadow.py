"""Run a command that sees other directories in place of some, in a mount namespace of its own.

``python -m atlas.bench.shadow SOURCE TARGET [SOURCE TARGET ...] -- COMMAND...`` binds each SOURCE over its TARGET and
becomes COMMAND. Nobody else sees the change and nothing is left of it. Works for root and, where user namespaces
are allowed, for everyone.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18


def command(pairs: Sequence[tuple[Path, Path]]) -> tuple[str, ...]:
    """The words to put in front of a command that is to see every first path in place of the second."""
    places = [str(path) for pair in pairs for path in pair]
    return (sys.executable, "-m", "atlas.bench.shadow", *places, "--")


def works(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether this machine lets us do it, tried once."""
    return subprocess.run([*command(pairs), "true"], capture_output=True, check=False).returncode == 0


def _enter(pairs: Sequence[tuple[str, str]]) -> None:
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if uid != 0 or libc.unshare(_CLONE_NEWNS) != 0:
        _checked(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    _checked(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount private")
    for source, target in pairs:
        _checked(libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None), f"bind {target}")


def _checked(result: int, name: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def main() -> int:
    """Entry point; does not return when it succeeds."""
    places, words = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    try:
        _enter(list(zip(places[::2], places[1::2], strict=True)))
    except OSError as error:
        sys.stderr.write(f"atlas.bench.shadow: {error}\n")
        return 77
    return os.execvp(words[0], words)


if __name__ == "__main__":
    sys.exit(main())
