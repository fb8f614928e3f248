"""One thread's way to an NVIDIA card: a stream, and buffers on both sides that grow and are used again.

All of pycuda is behind this module. It is imported on a machine with a card alone, since it compiles
against the CUDA toolkit when it is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ecgdigit_engine.errors import OutOfDeviceMemory


@cache
def _primary_context(card: int) -> Any:
    """The context that CUDA's runtime, and so TensorRT, uses too."""
    import pycuda.driver as cuda

    cuda.init()
    return cuda.Device(card).retain_primary_context()


@dataclass(frozen=True, slots=True)
class _Room:
    """Memory of the card, and how much of it."""

    memory: Any
    size: int


class CudaLane:
    """A stream on a card for one stage, with named buffers: pinned ones here, plain ones there.

    Not for two threads.
    """

    def __init__(self, card: int, stage: str) -> None:
        self._card, self._stage = card, stage
        _primary_context(card).push()  # for as long as this thread lives
        import pycuda.driver as cuda

        self._cuda = cuda
        self._stream = cuda.Stream()
        self._there: dict[str, _Room] = {}
        self._here: dict[str, NDArray[np.uint8]] = {}

    @property
    def handle(self) -> int:
        """The stream, as TensorRT takes it."""
        return int(self._stream.handle)

    def room(self, name: str, size: int) -> int:
        """The device address of at least `size` bytes."""
        held = self._there.get(name)
        if held is None or held.size < size:
            if held is not None:
                self._stream.synchronize()
                held.memory.free()
                del self._there[name]
            held = self._there[name] = _Room(self._allocated(max(size, 1)), size)
        return int(held.memory)

    def _allocated(self, size: int) -> Any:
        try:
            return self._cuda.mem_alloc(size)
        except self._cuda.MemoryError as error:
            raise OutOfDeviceMemory(self._stage, f"cuda:{self._card}", f"{size} bytes asked for") from error

    def _pinned(self, name: str, size: int) -> NDArray[np.uint8]:
        held = self._here.get(name)
        if held is None or held.size < size:
            held = self._here[name] = self._cuda.pagelocked_empty(max(size, 1), np.uint8)
        return held[:size]

    def sent(self, name: str, array: NDArray[Any]) -> int:
        """Copy an array to the card, behind what the stream does already; its device address."""
        pinned = self._pinned(name, array.nbytes)
        pinned.view(array.dtype).reshape(array.shape)[...] = array
        address = self.room(name, array.nbytes)
        self._cuda.memcpy_htod_async(address, pinned, self._stream)
        return address

    def fetch(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Begin to copy a buffer back; the array is valid after `wait` and until the next fetch of it."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        pinned = self._pinned(name, size)
        self._cuda.memcpy_dtoh_async(pinned, self.room(name, size), self._stream)
        return pinned.view(dtype).reshape(shape)

    def wait(self) -> None:
        """Until the stream has done all that it was given."""
        self._stream.synchronize()
