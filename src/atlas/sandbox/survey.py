"""What this machine can run, and how well it can be boxed in: each finding with what mends it."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.errors import SandboxError
from atlas.sandbox import toolchains
from atlas.sandbox.canary import TIERS
from atlas.sandbox.languages import LANGUAGES
from atlas.sandbox.sandbox import NoTierError, Sandbox
from atlas.sandbox.workers import Nursery


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a survey. ``remedy`` is empty where nothing is wrong."""

    subject: str
    name: str
    ok: bool
    text: str
    remedy: str = ""


async def survey() -> list[Finding]:
    """Try every tier, best first, and look for every language's tools."""
    found = [await _tier(tier) for tier in TIERS]
    return [*found, await _memory(), *(_language(name) for name in LANGUAGES)]


async def _tier(tier: str) -> Finding:
    try:
        async with await Sandbox.start(1, tier=tier) as sandbox:
            text = f"works, with Landlock {sandbox.landlock}" if sandbox.landlock else "works, without Landlock"
            return Finding("sandbox", tier, ok=True, text=text)
    except NoTierError as error:
        return Finding("sandbox", tier, ok=False, text=error.reasons[tier], remedy=_REMEDIES[tier])
    except SandboxError as error:
        return Finding("sandbox", tier, ok=False, text=str(error), remedy=_REMEDIES[tier])


async def _memory() -> Finding:
    """Look whether the memory of a whole box can be bounded, in any tier."""
    try:
        nursery = await Nursery.start()
    except SandboxError as error:
        return Finding("memory", "cgroup", ok=False, text=str(error), remedy="mend the sandbox first")
    await nursery.aclose()
    if nursery.cgroup is not None:
        return Finding("memory", "cgroup", ok=True, text=f"each box is bounded as a whole, in {nursery.cgroup}")
    text = f"{nursery.without_cgroup}: each process is bounded by itself"
    return Finding(
        "memory",
        "cgroup",
        ok=False,
        text=text,
        remedy="on a system whose cgroup v2 controls memory, run under: systemd-run --user --scope",
    )


_REMEDIES = {
    "userns": "allow user namespaces: sysctl -w user.max_user_namespaces=15000 (on Ubuntu 24.04 also "
    "kernel.apparmor_restrict_unprivileged_userns=0)",
    "root": "runs as root only, with the right to mount",
    "bubblewrap": "install bubblewrap 0.8 or later (apt-get install bubblewrap); where it is installed, let it make "
    "user namespaces (on Ubuntu 24.04 by an AppArmor profile with `userns,` for /usr/bin/bwrap)",
    "landlock": "boot a kernel of 5.13 or later with Landlock among lsm=",
}


def _language(name: str) -> Finding:
    found = toolchains.find(name)
    best = LANGUAGES[name][0]
    if isinstance(found, str):
        return Finding("language", best.title, ok=False, text="not here", remedy=best.advice)
    return Finding("language", best.title, ok=True, text=", ".join(found.tools.values()))
