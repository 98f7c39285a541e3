"""Which systems are measured, and why one is not."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from atlas.errors import SandboxError
from atlas.sandbox import Sandbox
from atlas.sandbox.canary import TIERS
from sandbox_hosted import System

OURS = "ours"
_BARE_FLAGS = ("-S", "-s", "-B", "-X", "utf8")  # as our nursery is started
_Found = tuple[list[System], dict[str, str]]


def judging(evalplus: Path | None) -> _Found:
    """Systems that judge one program after another, and the reasons of those that are absent."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    systems = [
        System("bare fork", "bare_fork", "BareFork", python=(base, *_BARE_FLAGS)),
        System("human-eval", "human_eval", "HumanEval"),
        System("subprocess", "fresh_python", "Subprocess"),
    ]
    ours, absent = _ours()
    _add_evalplus(systems, absent, evalplus)
    wrapped = "is not installed" if shutil.which("bwrap") is None else _fault(["bwrap", "--ro-bind", "/", "/", "true"])
    if wrapped:
        absent["bubblewrap"] = wrapped
    else:
        systems.append(System("bubblewrap", "bubblewrap", "Bubblewrap"))
    return [*ours, *systems], absent


def searching(evalplus: Path | None) -> _Found:
    """Systems that judge a search's candidates."""
    systems = [
        System(OURS, "ours", "Ours", {"search": True}),
        System("human-eval", "human_eval", "HumanEval"),
    ]
    absent: dict[str, str] = {}
    _add_evalplus(systems, absent, evalplus)
    return systems, absent


def _ours() -> _Found:
    """The best tier under our plain name, the others behind it."""
    systems: list[System] = []
    absent: dict[str, str] = {}
    for tier in TIERS:
        try:
            asyncio.run(_try(tier))
        except SandboxError as error:
            absent[f"{OURS} ({tier})"] = str(error)
        else:
            name = f"{OURS} ({tier})" if systems else OURS
            systems.append(System(name, "ours", "Ours", {"tier": tier}))
    return systems, absent


async def _try(tier: str) -> None:
    async with await Sandbox.start(1, tier=tier):
        pass


def _add_evalplus(systems: list[System], absent: dict[str, str], python: Path | None) -> None:
    if python is None:
        absent["evalplus"] = "no --evalplus-python was given"
    elif fault := _fault([str(python), "-c", "import evalplus.eval"]):
        absent["evalplus"] = fault
    else:
        systems.append(System("evalplus", "evalplus_check", "EvalPlus", python=(str(python),)))


def _fault(command: list[str]) -> str:
    """Why a command fails; nothing if it does not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}"
