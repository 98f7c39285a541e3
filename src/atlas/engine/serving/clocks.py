"""How fast processor and card run at this moment, and whether they say that they hold themselves back."""

from __future__ import annotations

import ctypes
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HOT = {0x08: "hardware slowdown", 0x20: "too hot (driver)", 0x40: "too hot (hardware)", 0x80: "power brake"}
"""NVML's reasons, as bits (``nvmlClocksEventReasons``); a card under load is usually at its power cap (0x04)."""
_SM_CLOCK = 1
_MHZ = re.compile(r"^cpu MHz\s*:\s*([\d.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Clocks:
    """``mhz`` is the mean over cores or cards, None where nobody tells; ``held`` are reasons why they run slower."""

    mhz: float | None = None
    held: tuple[str, ...] = ()


def reader(*, gpu: bool) -> Callable[[], Clocks]:
    """What reads the clocks of what computes here: the NVIDIA cards, else the processor."""
    if gpu:
        try:
            return NvidiaClocks(ctypes.CDLL("libnvidia-ml.so.1"))
        except OSError:
            return Clocks  # a card of another maker: its clocks are not known
    return CpuClocks()


class CpuClocks:
    """The processor's, from ``/sys``, else ``/proc``; Linux. Virtual machines often tell one constant number."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._trips = self._count()

    def __call__(self) -> Clocks:
        """The clocks now, and whether a core was throttled for heat since they were last read."""
        before, self._trips = self._trips, self._count()
        held = ("too hot (processor)",) if self._trips > before else ()
        return Clocks(self._mhz(), held)

    def _mhz(self) -> float | None:
        files = self._root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
        kilohertz = [number for file in files if (number := _number(file)) is not None]
        if kilohertz:
            return statistics.fmean(kilohertz) / 1000
        info = self._root / "proc/cpuinfo"
        told = [float(number) for number in _MHZ.findall(info.read_text(errors="replace"))] if info.exists() else []
        return statistics.fmean(told) if told else None

    def _count(self) -> int:
        """How often cores were throttled for heat since the machine's start; Intel's tell."""
        files = self._root.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count")
        return int(sum(_number(file) or 0 for file in files))


class NvidiaClocks:
    """The cards', from NVIDIA's management library; ``library`` is ``libnvidia-ml``."""

    def __init__(self, library: Any) -> None:
        self._nvml = library
        count = ctypes.c_uint(0)
        if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            count.value = 0
        self._cards = [card for i in range(count.value) if (card := self._card(i)) is not None]

    def __call__(self) -> Clocks:
        """The clocks now."""
        mhz: list[int] = []
        held: dict[str, None] = {}
        for card in self._cards:
            clock, reasons = ctypes.c_uint(0), ctypes.c_ulonglong(0)
            if not self._nvml.nvmlDeviceGetClockInfo(card, _SM_CLOCK, ctypes.byref(clock)):
                mhz.append(clock.value)
            if not self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card, ctypes.byref(reasons)):
                held.update(dict.fromkeys(text for bit, text in _HOT.items() if reasons.value & bit))
        return Clocks(statistics.fmean(mhz) if mhz else None, tuple(held))

    def _card(self, number: int) -> ctypes.c_void_p | None:
        card = ctypes.c_void_p()
        return None if self._nvml.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(card)) else card


def _number(file: Path) -> float | None:
    try:
        return float(file.read_text())
    except (OSError, ValueError):  # a core that was switched off meanwhile
        return None
