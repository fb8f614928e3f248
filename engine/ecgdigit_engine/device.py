"""Compute devices, and the NVIDIA GPUs that the driver of this machine reports."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from ecgdigit_engine.errors import BackendUnusable, UnknownChoice

# CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver API.
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76


@dataclass(frozen=True, slots=True)
class Device:
    """Device that executes the networks: `cpu`, or `cuda` with the index of the GPU."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"


CPU = Device("cpu")


def device_from_text(text: str) -> Device | None:
    """Return the device for `cpu`, `cuda` or `cuda:N`, or None for `auto`. Raises UnknownChoice."""
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
    """An NVIDIA GPU. `capability` is its compute capability, such as (7, 5)."""

    index: int
    name: str
    capability: tuple[int, int]
    memory_bytes: int


def _driver() -> ctypes.CDLL:
    """Load the library of the driver. Raises OSError if there is none."""
    return ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")


@contextmanager
def current_gpu(index: int) -> Iterator[None]:
    """Make a GPU the current device of the calling thread, for libraries that use the CUDA runtime.

    Raises BackendUnusable if the driver refuses it.
    """
    driver, handle, context = _driver(), ctypes.c_int(), ctypes.c_void_p()

    def check(status: int) -> None:
        if status:
            reason = f"the driver refused it (CUDA error {status})"
            raise BackendUnusable(f"cuda:{index}", reason, "Check the GPU with `nvidia-smi`.")

    check(driver.cuInit(0))
    check(driver.cuDeviceGet(ctypes.byref(handle), index))
    check(driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), handle))
    try:
        check(driver.cuCtxPushCurrent_v2(context))
        try:
            yield
        finally:
            driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
    finally:
        driver.cuDevicePrimaryCtxRelease_v2(handle)


@cache
def cuda_devices() -> tuple[CudaDevice, ...]:
    """Return the NVIDIA GPUs that the driver reports. Empty if there is no driver.

    The library of the driver is called directly, so that no package needs to be installed or imported.
    """
    try:
        driver = _driver()
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    return tuple(_query_device(driver, index) for index in range(count.value))


def _query_device(driver: ctypes.CDLL, index: int) -> CudaDevice:
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
