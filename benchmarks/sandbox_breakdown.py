"""Where the CPU time of one execution of ours goes: clocks around its steps in the judge, the zygote and the program's
process. The clocks cost some of it themselves, so the sum is a little over what an execution takes without them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sandbox_hooks
from atlas.sandbox import job, worker
from atlas.sandbox.box import bootstrap, wire
from sandbox_peers import ours
from sandbox_peers.case import Case
from sandbox_tables import table as as_table

_Row = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""Process, step, and the sums that are added and taken away for it."""

_JUDGE = ("judge files", "judge close", "judge send", "judge observe", "judge compare")
_ZYGOTE = ("zygote fork", "zygote supervise", "zygote wait4", "zygote setup error", "zygote scratch")
_CONFINING = (
    *("child rlimits", "child user", "child dup2", "child capset", "child prctl", "child close_range"),
    *("child landlock", "child seccomp"),
)
_PLAYING = ("child load", "child begin", "child run")
_ROWS: tuple[_Row, ...] = (
    ("judge", "in-memory files made and written", ("judge files",), ()),
    ("judge", "message sent with descriptors", ("judge send",), ()),
    ("judge", "records read and decoded", ("judge observe",), ()),
    ("judge", "files closed", ("judge close",), ()),
    ("judge", "outputs compared", ("judge compare",), ()),
    ("judge", "event loop and all else", ("judge all",), _JUDGE),
    ("zygote", "message received, reply sent", ("zygote receive", "zygote send"), ()),
    ("zygote", "fork", ("zygote fork",), ()),
    ("zygote", "watching the process", ("zygote supervise",), ()),
    ("zygote", "wait4", ("zygote wait4",), ()),
    ("zygote", "scratch folder looked at", ("zygote scratch",), ()),
    ("zygote", "all else", ("zygote execute",), _ZYGOTE),
    ("program", "first steps after the fork", ("child born",), ()),
    ("program", "descriptors", ("child dup2", "child close_range"), ()),
    ("program", "resource limits", ("child rlimits",), ()),
    ("program", "user and capabilities", ("child user", "child capset"), ()),
    ("program", "prctl", ("child prctl",), ()),
    ("program", "Landlock", ("child landlock",), ()),
    ("program", "seccomp", ("child seccomp",), ()),
    ("program", "all else of confining", ("child confined",), ("child born", *_CONFINING)),
    ("program", "program compiled and loaded", ("child load",), ()),
    ("program", "clocks of the records", ("child begin",), ()),
    ("program", "inputs decoded, function run", ("child run",), ("child write",)),
    ("program", "records written", ("child write",), ()),
    ("program", "request read, and all else of its part", ("child played",), ("child playing", *_PLAYING)),
    ("program", "its end, by the kernel", ("child usage",), ("child played",)),
)  # fmt: skip


def measure(cases: Sequence[Case], rounds: int) -> list[dict[str, Any]]:
    """CPU microseconds an execution of every step, in the best tier, one worker."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="sandbox-breakdown-") as file:
        file.truncate(sandbox_hooks.SIZE)
        ledger = sandbox_hooks.Ledger(file.name)
        _hook_nursery(file.name)
        _hook_judge(ledger)
        peer = ours.Ours()
        peer.start(1)
        try:
            peer.judge(cases)
            ledger.clear()
            for _ in range(rounds):
                peer.judge(cases)
        finally:
            peer.close()
        sums = ledger.sums()
    executions = sums["child played"][0]
    return [
        {
            "process": process,
            "step": step,
            "us": round((sum(sums[n][1] for n in plus) - sum(sums[n][1] for n in minus)) / executions / 1e3, 1),
            "calls": round(sum(sums[n][0] for n in plus) / executions, 1),
        }
        for process, step, plus, minus in _ROWS
    ]


def _hook_nursery(path: str) -> None:
    folder = str(Path(__file__).resolve().parent)
    hook = f"sys.path.insert(0, {folder!r})\nimport sandbox_hooks\ndel sys.path[0]\nsandbox_hooks.install({path!r})\n"
    bootstrap._START = bootstrap._START.replace("nursery.main(", hook + "nursery.main(")


def _hook_judge(ledger: sandbox_hooks.Ledger) -> None:
    sandbox_hooks.timed(ledger, job.Files, "__init__", "judge files")
    sandbox_hooks.timed(ledger, job.Files, "close", "judge close")
    sandbox_hooks.timed(ledger, wire, "send", "judge send")
    sandbox_hooks.timed(ledger, worker, "observe", "judge observe")
    sandbox_hooks.timed(ledger, ours, "equal", "judge compare")
    sandbox_hooks.timed(ledger, ours.Ours, "judge", "judge all")
    usage = ledger.enter("child usage")
    read = job.Outcome.of

    def of(reply: dict[str, Any]) -> job.Outcome:
        ledger.add(usage, int(reply["cpu_s"] * 1e9))
        return read(reply)

    job.Outcome.of = of  # type: ignore[method-assign]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows, and the sum of each process."""
    shown = [[r["process"], r["step"], f"{r['us']:.0f}", f"{r['calls']:g}"] for r in rows]
    for process in dict.fromkeys(r["process"] for r in rows):
        shown.append([process, "together", f"{sum(r['us'] for r in rows if r['process'] == process):.0f}", ""])
    shown.append(["all", "together", f"{sum(r['us'] for r in rows):.0f}", ""])
    return "CPU microseconds of one execution of ours\n\n" + as_table(
        ["process", "step", "CPU us", "calls"], shown, names=2
    )
