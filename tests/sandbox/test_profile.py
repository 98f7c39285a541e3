"""Packages of a virtual environment inside the box: there to be imported, read-only, and without our own."""

import sys
from pathlib import Path

import pytest

from atlas.errors import SandboxError, UsageError
from atlas.problem import Call
from atlas.sandbox import Program, Sandbox, Status
from atlas.sandbox.canary import TIERS
from atlas.sandbox.profile import Profile

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with a package of its own and something that is called like us."""
    folder = tmp_path_factory.mktemp("environment")
    packages = folder / "lib" / VERSION / "site-packages"
    packages.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("")
    for part in (folder, *folder.parents):
        if part.stat().st_uid == 0 and part != Path("/"):
            part.chmod(part.stat().st_mode | 0o055)
    (packages / "own.py").write_text("loaded = []\ndef seven():\n    return 7\n")
    (packages / "atlas").mkdir()
    (packages / "atlas" / "keys.py").write_text("KEY = 'secret'\n")
    return folder


async def call(environment, tier, code, *, preload=()):
    profile = Profile.of_environment(environment, preload=preload)
    try:
        sandbox = await Sandbox.start(1, tier=tier, profile=profile)
    except SandboxError as error:
        pytest.skip(str(error))
    async with sandbox:
        assert sandbox.tier == tier
        return (await sandbox.run(Program(code, "f"), [Call(())]))[0]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("preload", [(), ("own",)])
async def test_packages_can_be_imported(environment, tier, preload):
    seen = await call(environment, tier, "import own\ndef f():\n    return own.seven()", preload=preload)
    assert (seen.status, seen.value) == (Status.OK, 7), seen


@pytest.mark.parametrize("tier", TIERS)
async def test_what_is_not_ours_to_show_is_not_there(environment, tier):
    code = """
import os, sys
def f():
    folder = sys.path[-1]
    found = []
    for attempt in (lambda: open(folder + "/atlas/keys.py").read(), lambda: open(folder + "/own.py", "a"),
                    lambda: open(folder + "/../../../pyvenv.cfg").read()):
        try:
            attempt()
            found.append("done")
        except OSError as error:
            found.append(type(error).__name__)
    return found, dict(os.environ)
"""
    found, variables = (await call(environment, tier, code, preload=("own",))).value
    assert "done" not in found
    assert variables == {}
    keys = environment / "lib" / VERSION / "site-packages" / "atlas" / "keys.py"
    assert "secret" in keys.read_text()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("preload", [(), ("numpy",)])
async def test_numpy_computes(tier, preload):
    code = "import numpy as np\ndef f():\n    return float(np.linalg.norm(np.ones((8, 8)) @ np.ones(8)))"
    seen = await call(Path(sys.prefix), tier, code, preload=preload)
    assert (seen.status, seen.value) == (Status.OK, pytest.approx(8 * 8**0.5)), seen


async def test_a_module_that_is_not_there_is_named(environment):
    profile = Profile.of_environment(environment, preload=("nowhere",))
    with pytest.raises(SandboxError, match="nowhere"):
        await Sandbox.start(1, profile=profile)


def test_no_environment_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is no virtual environment"):
        Profile.of_environment(tmp_path)
    (tmp_path / "pyvenv.cfg").write_text("")
    with pytest.raises(UsageError, match=f"is not of {VERSION}"):
        Profile.of_environment(tmp_path)
