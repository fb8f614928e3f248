"""One thread's way to an NVIDIA card: a stream, and buffers on both sides that grow and are used again.

All of pycuda is behind this module. It is imported on a machine with a card alone, since it compiles
against the CUDA toolkit when it is installed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ecgdigit_engine.device_lru import KEPT_PICTURES, DeviceLru
from ecgdigit_engine.errors import OutOfDeviceMemory
from ecgdigit_engine.runner import SharedInput

Name = tuple[str, str]
"""A buffer's: the stage, which errors name too, and the port."""


@cache
def _primary_context(card: int) -> Any:
    """The context that CUDA's runtime, and so TensorRT, uses too."""
    import pycuda.driver as cuda

    cuda.init()
    return cuda.Device(card).retain_primary_context()


_own = threading.local()


def stream_of_thread(card: int) -> StreamContext:
    """The calling thread's lane on a card, one for all stages: they follow each other there."""
    lanes: dict[int, StreamContext] = _own.__dict__.setdefault("lanes", {})
    if card not in lanes:
        lanes[card] = StreamContext(card)
    return lanes[card]


@dataclass(frozen=True, slots=True)
class _Room:
    """Memory of the card, and how much of it."""

    memory: Any
    size: int


class StreamContext:
    """A stream on a card, with named buffers: pinned ones here, plain ones there.

    A name is a stage and a port. Not for two threads.
    """

    def __init__(self, card: int) -> None:
        self._card = card
        _primary_context(card).push()  # for as long as this thread lives
        import pycuda.driver as cuda

        self._cuda = cuda
        self._stream = cuda.Stream()
        self._there: dict[Name, _Room] = {}
        self._here: dict[Name, NDArray[np.uint8]] = {}
        self._kept = DeviceLru[Any](KEPT_PICTURES, self._free)

    @property
    def handle(self) -> int:
        """The stream, as TensorRT takes it."""
        return int(self._stream.handle)

    def room(self, name: Name, size: int) -> int:
        """The device address of at least `size` bytes."""
        held = self._there.get(name)
        if held is None or held.size < size:
            if held is not None:
                self._free(held.memory)
                del self._there[name]
            held = self._there[name] = _Room(self._allocated(name, size), size)
        return int(held.memory)

    def _allocated(self, name: Name, size: int) -> Any:
        try:
            return self._cuda.mem_alloc(max(size, 1))
        except self._cuda.MemoryError as error:
            raise OutOfDeviceMemory(name[0], f"cuda:{self._card}", f"{size} bytes asked for") from error

    def _free(self, memory: Any) -> None:
        self._stream.synchronize()
        memory.free()

    def _pinned(self, name: Name, size: int) -> NDArray[np.uint8]:
        held = self._here.get(name)
        if held is None or held.size < size:
            held = self._here[name] = self._cuda.pagelocked_empty(max(size, 1), np.uint8)
        return held[:size]

    def sent(self, name: Name, array: NDArray[Any]) -> int:
        """Copy an array to the card, behind what the stream does already; its device address."""
        address = self.room(name, array.nbytes)
        self._send(name, array, address)
        return address

    def kept(self, name: Name, value: SharedInput) -> int:
        """The address of a value that stays; it is copied where the card does not hold it already."""

        def sent() -> Any:
            memory = self._allocated(name, value.array.nbytes)
            self._send(name, value.array, int(memory))
            return memory

        return int(self._kept.found(value, sent))

    def _send(self, name: Name, array: NDArray[Any], address: int) -> None:
        pinned = self._pinned(name, array.nbytes)
        pinned.view(array.dtype).reshape(array.shape)[...] = array
        self._cuda.memcpy_htod_async(address, pinned, self._stream)

    def fetch(self, name: Name, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Begin to copy a buffer back; the array is valid after `wait` and until the next fetch of it."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        pinned = self._pinned(name, size)
        self._cuda.memcpy_dtoh_async(pinned, self.room(name, size), self._stream)
        return pinned.view(dtype).reshape(shape)

    def wait(self) -> None:
        """Until the stream has done all that it was given."""
        self._stream.synchronize()
