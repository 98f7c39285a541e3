"""What is particular to the tier ``bubblewrap``."""

import socket
import sys
from pathlib import Path

import pytest

from atlas.problem import Call
from atlas.sandbox import Program, Status
from atlas.sandbox.box import bubblewrap
from atlas.sandbox.box.layout import Layout

pytestmark = pytest.mark.asyncio(loop_scope="module")
TESTED_TIERS = ("bubblewrap",)


async def test_the_reason_says_that_it_is_not_installed(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))  # not a folder to trust
    monkeypatch.setattr(bubblewrap, "_FOLDERS", (str(tmp_path / "nowhere"),))
    with socket.socket() as judge, pytest.raises(OSError, match="bubblewrap is not installed"):
        bubblewrap.enter(judge, Layout((), ()), 1, None, None, {})


async def test_the_loader_is_read_from_the_interpreter(tmp_path):
    assert bubblewrap._loader(sys.executable).startswith("/lib")
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\n" + "#" * 100)
    with pytest.raises(OSError, match="names no loader"):
        bubblewrap._loader(str(script))


async def test_nothing_of_ours_is_in_the_box(sandbox):
    code = "import os, sys\ndef f(package):\n    return os.path.exists(package), len(sys.meta_path)"
    package = str(Path(bubblewrap.__file__).parents[2])
    (seen,) = await sandbox.run(Program(code, "f"), [Call((package,))])
    assert (seen.status, seen.value) == (Status.OK, (False, len(["builtin", "frozen", "path"]))), seen
