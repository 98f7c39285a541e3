"""Boxes of every tier, and the path of what the tests here share."""

import sys
from pathlib import Path

import pytest
import pytest_asyncio

from atlas.errors import SandboxError
from atlas.sandbox import Sandbox
from atlas.sandbox.canary import TIERS

sys.path.insert(0, str(Path(__file__).parent))


def pytest_generate_tests(metafunc):
    """The tiers of the fixture below: those that a module names, else all that are chosen by themselves."""
    if "sandbox" in metafunc.fixturenames and not hasattr(metafunc.module, "sandbox"):
        tiers = getattr(metafunc.module, "TESTED_TIERS", TIERS)
        metafunc.parametrize("sandbox", tiers, indirect=True, scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox(request):
    """A sandbox of each tier that this machine can run; one worker, so that the next job meets the last one's box."""
    try:
        started = await Sandbox.start(1, tier=request.param)
    except SandboxError as error:
        pytest.skip(str(error))
    async with started:
        yield started
