"""Which devices there are, asked of the driver itself: no package has to be installed or loaded for it."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ecgdigit_engine.errors import UnknownChoice

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute


@dataclass(frozen=True, slots=True)
class Device:
    """Where networks run: `cpu`, or `cuda` with the card's number."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"


CPU = Device("cpu")


def device_from_text(text: str) -> Device | None:
    """`auto` (None), `cpu`, `cuda` or `cuda:N`. Raises UnknownChoice."""
    kind, _, number = text.partition(":")
    if text == "auto":
        return None
    if text == "cpu":
        return CPU
    if kind == "cuda" and (number.isdecimal() or text == "cuda"):
        return Device("cuda", int(number or 0))
    raise UnknownChoice("device", text, ("auto", "cpu", "cuda", "cuda:N"))


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """One NVIDIA card as its driver describes it; `capability` such as (7, 5)."""

    index: int
    name: str
    capability: tuple[int, int]
    memory_bytes: int


@cache
def cuda_devices() -> tuple[CudaDevice, ...]:
    """The NVIDIA cards of this machine; none where there is no driver."""
    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    return tuple(_card(driver, index) for index in range(count.value))


def _card(driver: ctypes.CDLL, index: int) -> CudaDevice:
    handle, number = ctypes.c_int(), ctypes.c_int()
    name, memory = ctypes.create_string_buffer(100), ctypes.c_size_t()
    driver.cuDeviceGet(ctypes.byref(handle), index)
    driver.cuDeviceGetName(name, 100, handle)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), handle)
    capability = []
    for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR):
        driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, handle)
        capability.append(number.value)
    return CudaDevice(index, name.value.decode(), (capability[0], capability[1]), memory.value)


@cache
def _cpu_fact(*names: str) -> str:
    """What Linux says of the first processor under one of these names; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")


def cpu_flags() -> frozenset[str]:
    """The instruction sets that Linux names, such as avx512_bf16; empty elsewhere."""
    return frozenset(_cpu_fact("flags", "Features").split())


def has_bf16_dot_product() -> bool:
    """Whether the CPU multiplies bf16 itself; emulated it would gain nothing."""
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


def has_int8_dot_product() -> bool:
    """Whether the CPU adds up products of bytes itself. Without, INT8 is hardly faster, and on AVX2 its
    16-bit sums may overflow."""
    return bool(cpu_flags() & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})


def cpu_name() -> str:
    """The processor's name where the system tells."""
    return _cpu_fact("model name") or "unknown CPU"
