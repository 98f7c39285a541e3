"""Run a command that sees other directories in place of some, in a mount namespace of its own.

``python -m atlas.bench.shadow SOURCE TARGET [SOURCE TARGET ...] -- COMMAND...`` binds each SOURCE over its TARGET and
becomes COMMAND. Nobody else sees the change and nothing is left of it. Works for root and, where user namespaces
are allowed, for everyone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from atlas.sandbox.box import kernel


def command(pairs: Sequence[tuple[Path, Path]]) -> tuple[str, ...]:
    """The words to put in front of a command that is to see every first path in place of the second."""
    places = [str(path) for pair in pairs for path in pair]
    return (sys.executable, "-m", "atlas.bench.shadow", *places, "--")


def works(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether this machine lets us do it, tried once."""
    return subprocess.run([*command(pairs), "true"], capture_output=True, check=False).returncode == 0


def _enter(pairs: Sequence[tuple[str, str]]) -> None:
    uid, gid = os.getuid(), os.getgid()
    if not _unshared_as_root():
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    for source, target in pairs:
        kernel.mount(source, target, "", kernel.MS_BIND)


def _unshared_as_root() -> bool:
    """Whether root's own rights were enough for a mount namespace; in a container they may not be."""
    if os.getuid() != 0:
        return False
    try:
        kernel.unshare(kernel.CLONE_NEWNS)
    except OSError:
        return False
    return True


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
