"""Model servers that run on this machine already, found on the ports that they take by default."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from atlas.errors import AtlasError
from atlas.gather import gather
from atlas.sandbox.survey import Finding

PORTS = (8080, 8000, 11434, 1234, 5000)
"""Of llama-server, vLLM (and TensorRT-LLM, MLC), Ollama, LM Studio and TabbyAPI."""
_CONNECT_S = 0.5
_ANSWER_S = 3.0


async def listening(ports: Sequence[int] = PORTS) -> list[Finding]:
    """One line for each server that speaks the OpenAI protocol, or one that says that there is none."""
    found = [finding for finding in await gather(_server(port) for port in ports) if finding]
    said = f"none on the ports {', '.join(map(str, ports))}; another one is named with --endpoint"
    return found or [Finding("server", "listening", True, said)]


async def _server(port: int) -> Finding | None:
    from atlas.llm.probe import recognise  # noqa: PLC0415  (HTTP and validation; only where something listens)
    from atlas.llm.transport import Transport  # noqa: PLC0415

    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
    except (OSError, TimeoutError):
        return None
    url = f"http://127.0.0.1:{port}"
    transport = Transport(url, None, _ANSWER_S)
    try:
        async with asyncio.timeout(_ANSWER_S):
            seen = await recognise(transport, None)
    except (AtlasError, TimeoutError):
        return None  # another program's port, or a server that wants a key: neither can be used as it is
    finally:
        await transport.aclose()
    name = "OpenAI-compatible" if seen.server == "unknown" else seen.server
    return Finding("server", name, True, f"{seen.model[:80]}: use it with --endpoint {url}")
