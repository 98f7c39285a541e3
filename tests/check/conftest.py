import pytest_asyncio

from atlas.sandbox import Sandbox


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def sandbox():
    """One real sandbox for all of the check's tests."""
    async with await Sandbox.start(2) as started:
        yield started
