"""Requests, replies and observations as JSON for the tape, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from atlas.compare import codec
from atlas.llm.types import Completion, Reply, Request
from atlas.problem import Input
from atlas.sandbox.types import Limits, Observation, Program, Status
from atlas.search.outputs import input_key

_OF_THE_MOMENT = {str(Status.WALL_LIMIT), str(Status.INFRASTRUCTURE)}
"""Statuses that say more of the machine than of the program."""


def request_data(request: Request) -> dict[str, Any]:
    """Everything that was asked; log-probabilities only where they were, as tapes from before have no word of them."""
    data = asdict(request)
    if not request.logprobs:
        del data["logprobs"]
    return data


def reply_data(reply: Reply) -> dict[str, Any]:
    """A reply as recorded."""
    return asdict(reply)


def reply_of(data: dict[str, Any]) -> Reply:
    """The reply that ``reply_data`` recorded."""
    completions: Any = tuple(Completion(**c) for c in data["completions"])
    return Reply(**{**data, "completions": completions})


def execution_data(
    program: Program, inputs: Sequence[Input], limits: Limits, *, fresh: bool, until_clock: bool
) -> dict[str, Any]:
    """Everything that a batch of executions depends on."""
    return {
        "program": asdict(program),
        "inputs": [input_key(i) for i in inputs],
        "limits": asdict(limits),
        "fresh": fresh,
        "until_clock": until_clock,
    }


def observation_data(observation: Observation) -> dict[str, Any]:
    """An observation as recorded, its value with exact types."""
    fields = ("stdout", "stderr", "error", "line", "cpu_s", "wall_s", "peak_mb")
    data = {name: getattr(observation, name) for name in fields}
    return {**data, "status": str(observation.status), "value": codec.encode(observation.value)}


def may_be_lent(kind: str, payload: Any) -> bool:
    """Whether what a search recorded holds for any search that asks the same: no event, no fault and no clock."""
    if kind == "exchange":
        return payload["outcome"] == "reply"
    return kind == "observation" and bool(payload) and not _OF_THE_MOMENT & {row["status"] for row in payload}


def observation_of(data: dict[str, Any]) -> Observation:
    """The observation that ``observation_data`` recorded."""
    status: Any = Status(data["status"])
    return Observation(**{**data, "status": status, "value": codec.decode(data["value"])})
