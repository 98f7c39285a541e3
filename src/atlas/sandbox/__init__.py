"""Run programs that nobody vouches for: ``Sandbox``, what goes in (``Program``, ``Limits``), what comes
out (``Observation``).

A program gets inputs, never expected outputs, and hands back plain data that the judge, in another
process, decodes strictly and compares (``atlas.compare``). So it can forge no verdict: whatever it does to
its own process, all it can say is a value.
"""

from typing import TYPE_CHECKING, Any

from atlas.sandbox.types import Limits, Observation, Program, Status

if TYPE_CHECKING:
    from atlas.sandbox.sandbox import Sandbox

__all__ = ["Limits", "Observation", "Program", "Sandbox", "Status"]


def __getattr__(name: str) -> Any:
    # The types are wanted everywhere, asyncio and sockets by few.
    if name == "Sandbox":
        from atlas.sandbox.sandbox import Sandbox  # noqa: PLC0415

        return Sandbox
    raise AttributeError(name)
