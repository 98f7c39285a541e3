"""What holds of every observation and every worker, whatever the program."""

from __future__ import annotations

from pathlib import Path

from atlas.sandbox import Limits, Observation, Status


def well_formed(seen: Observation, limits: Limits) -> None:
    """Every observation keeps to its types and bounds, and none is the sandbox's own failure."""
    assert type(seen.status) is Status
    assert seen.status is not Status.INFRASTRUCTURE, seen
    assert seen.value is None or seen.status is Status.OK
    assert type(seen.stdout) is type(seen.stderr) is type(seen.error) is str
    assert max(len(seen.stdout), len(seen.stderr)) <= limits.output_bytes
    assert len(seen.error) <= 4000  # 500 characters, each perhaps written out
    seen.error.encode()
    assert seen.line is None or 0 <= seen.line < 1 << 31
    assert 0 <= seen.cpu_s < float("inf")
    assert 0 <= seen.wall_s < float("inf")


def children(pid: int) -> list[int]:
    """Return the process ids below ``pid``, parents first."""
    try:
        direct = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return direct + [below for child in direct for below in children(child)]
