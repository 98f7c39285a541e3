"""Verdicts in the format that ``atlas bench import-run`` reads: 16 problems, an hour of A each, who solves half."""

from __future__ import annotations

import json

VERDICTS = "".join(
    json.dumps({"id": f"p{i}", "A": {"passed": i < 8, "tokens": 100, "ms": 3_600_000}, "B": {"passed": i > 3}}) + "\n"
    for i in range(16)
)
