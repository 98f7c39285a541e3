"""How the judge starts a nursery: which interpreter, with what, and nothing of the user's environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from atlas.sandbox.profile import STANDARD, Profile

# Stand-ins for the packages on the way: the real ones would import what a box has no use for.
_START = """
import sys, types
for name, path in (("atlas", {root!r}), ("atlas.compare", {root!r} + "/compare"), ("atlas.sandbox",
{root!r} + "/sandbox")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from atlas.sandbox.box import preload
preload.load()
from atlas.sandbox.box import nursery
nursery.main({control}, {judge}, {packages!r}, {preload!r})
"""

_ENVIRONMENT = {"PYTHONHASHSEED": "0", "LD_BIND_NOW": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""The same order of sets in every run; symbols found once and not in each process; no threads of a library's own, which
would not survive a fork. Emptied before a program runs.
"""


def start(control: int, stderr: int, judge: int, profile: Profile = STANDARD) -> subprocess.Popen[bytes]:
    """Start a nursery that serves the socket ``control`` for the process ``judge``."""
    root = str(Path(__file__).resolve().parents[2])
    # -I would ignore the hash seed; -S -s -P leave out site-packages (whose .pth files cost 100 ms) all
    # the same.
    flags = ["-S", "-s", "-P", "-B", "-X", "utf8"]
    script = _START.format(root=root, control=control, judge=judge, packages=profile.packages, preload=profile.preload)
    interpreter = getattr(sys, "_base_executable", None) or sys.executable
    return subprocess.Popen(
        [interpreter, *flags, "-c", script],
        env=_ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        pass_fds=(control,),
        start_new_session=True,  # Ctrl-C is the judge's to handle
    )
