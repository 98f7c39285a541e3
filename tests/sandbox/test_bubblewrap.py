"""What is particular to the tier ``bubblewrap``."""

import os
import socket
import sys
from pathlib import Path

import pytest
from test_languages import SUMS, needs

from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Program, Status
from atlas.sandbox.box import bubblewrap, bundle, landlock
from atlas.sandbox.box.layout import Layout
from atlas.sandbox.exec_job import ExecJob
from atlas.sandbox.exec_worker import ExecWorker

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


@pytest.mark.parametrize("language", SUMS)
async def test_every_language_runs(sandbox, language):
    needs(sandbox, language)
    limits = Limits(cpu_s=10.0, wall_s=120.0)
    (seen,) = await sandbox.run(Program(SUMS[language], language=language), [Stdin("20 22\n")], limits)
    assert (seen.status, seen.stdout) == (Status.OK, "42\n"), seen


async def test_shared_files_are_there_and_out_of_reach(sandbox):
    if not landlock.version() and os.geteuid():
        pytest.skip("without Landlock only root has a place for shared files")
    tries = (
        "cat /kit/x; echo y > /kit/x; rm -f /kit/x; chmod 777 /kit; echo y > /kit/y; mv /kit /k; ls /kit; cat /kit/x"
    )
    job = ExecJob(("/bin/sh", "-c", tries), {"PATH": "/usr/bin:/bin"}, (), Limits(wall_s=60.0))
    worker = ExecWorker(sandbox._nursery, "bubblewrap", ())
    try:
        seen = (await worker.run(job, ("a key", bundle.made([("x", b"shared\n")])))).seen
    finally:
        worker.close()
    assert seen.stdout == "shared\nx\nshared\n", seen
