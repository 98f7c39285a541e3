"""A fresh interpreter for each program in a bubblewrap box: no network, read-only system, nothing of the user's."""

from __future__ import annotations

import sys

from sandbox_peers.fresh_python import Subprocess


class Bubblewrap(Subprocess):
    """Neither memory nor output nor the number of processes is bounded."""

    command = (
        "bwrap",
        *("--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *("--ro-bind", "/usr", "/usr", "--ro-bind-try", sys.base_prefix, sys.base_prefix),
        *(part for folder in ("/bin", "/lib", "/lib64") for part in ("--ro-bind-try", folder, folder)),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp"),
    )
