"""Makes ``scripted_server`` importable under importlib mode, and offers a plain one as a fixture."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scripted_server import ScriptedServer

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def server() -> "Iterator[ScriptedServer]":
    """A server that supports everything."""
    from scripted_server import ScriptedServer

    with ScriptedServer() as running:
        yield running
