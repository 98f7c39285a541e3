"""One worker a tier for all probes: whatever one leaves behind, the next would meet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

from hosts import SECRET, VARIABLE, Host, Outside
from probe import Box

from atlas.errors import SandboxError
from atlas.sandbox import Sandbox
from atlas.sandbox.canary import TIERS


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory):
    """What is to stay intact."""
    made = Host(tmp_path_factory.mktemp("host"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory):
    """Where nothing is confined."""
    made = Outside(tmp_path_factory.mktemp("outside"))
    yield made
    made.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session", params=TIERS)
async def box(request: pytest.FixtureRequest, host: Host, outside: Outside):
    """A box of each tier that this machine can run, in an environment with a secret."""
    os.environ[VARIABLE] = SECRET
    try:
        sandbox = await Sandbox.start(1, tier=request.param)
    except SandboxError as error:
        pytest.skip(str(error))
    finally:
        del os.environ[VARIABLE]
    async with sandbox:
        made = Box(sandbox, host, outside)
        await made.look()
        yield made
