"""The summary as JSON-able data, for ``--json`` and for ``summary.json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from atlas.bench.summary import Summary


def as_data(summary: Summary) -> dict[str, Any]:
    """Plain dicts and lists; shares are fractions in [0, 1], times seconds."""
    return asdict(summary)
