"""NVIDIA's management library, as far as energy needs it. It comes with the driver and is loaded when asked for.

Functions and units are those of NVML's reference: ``nvmlDeviceGetTotalEnergyConsumption`` counts millijoules since the
driver was loaded (Volta or newer), ``nvmlDeviceGetPowerUsage`` tells milliwatts, on many cards a mean over a second.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from atlas.errors import AtlasError

LIBRARY = "libnvidia-ml.so.1"


class NvmlError(AtlasError):
    """NVML answered a call with an error; the code is one of ``nvmlReturn_t``."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, numbered in NVML's order (by PCI address)."""

    index: int
    name: str


class Nvml:
    """The loaded library.

    Raises:
        OSError: there is no such library.
        NvmlError: there is no driver behind it.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        self._library = ctypes.CDLL(library)
        self._call("nvmlInit_v2")

    def gpus(self) -> tuple[Gpu, ...]:
        """All GPUs of the machine that this process may see."""
        count = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        return tuple(Gpu(index, self._name(index)) for index in range(count.value))

    def joules(self, gpu: Gpu) -> float:
        """Drawn since the driver was loaded.

        Raises:
            NvmlError: the GPU has no such counter, or is gone.
        """
        counted = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", self._handle(gpu.index), ctypes.byref(counted))
        return counted.value / 1e3

    def watts(self, gpu: Gpu) -> float:
        """Drawn now, or over the last second.

        Raises:
            NvmlError: the GPU does not tell, or is gone.
        """
        drawn = ctypes.c_uint()
        self._call("nvmlDeviceGetPowerUsage", self._handle(gpu.index), ctypes.byref(drawn))
        return drawn.value / 1e3

    def _handle(self, index: int) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        return handle

    def _name(self, index: int) -> str:
        text = ctypes.create_string_buffer(96)
        self._call("nvmlDeviceGetName", self._handle(index), text, ctypes.c_uint(len(text)))
        return text.value.decode("utf-8", "replace")

    def _call(self, name: str, *arguments: object) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise NvmlError(f"NVML has no {name}: the driver is too old.") from None
        code = function(*arguments)
        if code:
            raise NvmlError(f"NVML answered {name} with error {code}.")
