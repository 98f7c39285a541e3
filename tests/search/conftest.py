import sys
from pathlib import Path

import pytest_asyncio

from atlas.sandbox import Sandbox

sys.path.insert(0, str(Path(__file__).parent))  # for search_script, which these tests share


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def sandbox():
    """One real sandbox for all of the search's tests."""
    async with await Sandbox.start(2) as started:
        yield started
