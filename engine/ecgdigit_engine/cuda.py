"""CUDA stream of one thread, with reusable device buffers and pinned host buffers.

Only this module uses pycuda, and it imports pycuda only when a stream is opened. Installing pycuda requires
the CUDA toolkit, so the package is usually missing on machines without a GPU.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ecgdigit_engine.device_lru import MAX_SHARED_INPUTS, DeviceLru
from ecgdigit_engine.errors import OutOfDeviceMemory
from ecgdigit_engine.runner import SharedInput

BufferName = tuple[str, str]
"""Name of a buffer: its stage, which also appears in errors, and its port."""


@cache
def _primary_context(gpu: int) -> Any:
    """Return the primary context of a GPU. The CUDA runtime, and therefore TensorRT, uses the same one."""
    import pycuda.driver as cuda

    cuda.init()
    return cuda.Device(gpu).retain_primary_context()


_thread_local = threading.local()


def stream_of_thread(gpu: int) -> StreamContext:
    """Return the stream of the calling thread on a GPU.

    All stages that the thread calls share the stream and run in order.
    """
    streams: dict[int, StreamContext] = _thread_local.__dict__.setdefault("streams", {})
    if gpu not in streams:
        streams[gpu] = StreamContext(gpu)
    return streams[gpu]


@dataclass(frozen=True, slots=True)
class _DeviceBuffer:
    """Allocated device memory and its size in bytes."""

    memory: Any
    size: int


class StreamContext:
    """A CUDA stream with named buffers in device memory and in pinned host memory. Not thread-safe."""

    def __init__(self, gpu: int) -> None:
        self._gpu = gpu
        _primary_context(gpu).push()  # the context stays current for the lifetime of this thread
        import pycuda.driver as cuda

        self._cuda = cuda
        self._stream = cuda.Stream()
        self._device_buffers: dict[BufferName, _DeviceBuffer] = {}
        self._pinned_buffers: dict[BufferName, NDArray[np.uint8]] = {}
        self._shared = DeviceLru[Any](MAX_SHARED_INPUTS, self._free)

    @property
    def handle(self) -> int:
        """Handle of the stream, as expected by TensorRT."""
        return int(self._stream.handle)

    def reserve(self, name: BufferName, size: int) -> int:
        """Return the device address of a buffer of at least `size` bytes. Raises OutOfDeviceMemory."""
        buffer = self._device_buffers.get(name)
        if buffer is None or buffer.size < size:
            if buffer is not None:
                self._free(buffer.memory)
                del self._device_buffers[name]
            buffer = self._device_buffers[name] = _DeviceBuffer(self._allocate(name, size), size)
        return int(buffer.memory)

    def _allocate(self, name: BufferName, size: int) -> Any:
        try:
            return self._cuda.mem_alloc(max(size, 1))
        except self._cuda.MemoryError as error:
            reason = f"allocation of {size} bytes failed"
            raise OutOfDeviceMemory(name[0], f"cuda:{self._gpu}", reason) from error

    def _free(self, memory: Any) -> None:
        self._stream.synchronize()
        memory.free()

    def _pinned_buffer(self, name: BufferName, size: int) -> NDArray[np.uint8]:
        buffer = self._pinned_buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._cuda.pagelocked_empty(max(size, 1), np.uint8)
            self._pinned_buffers[name] = buffer
        return buffer[:size]

    def upload(self, name: BufferName, array: NDArray[Any]) -> int:
        """Enqueue a copy of an array to the device and return its device address.

        Raises OutOfDeviceMemory.
        """
        address = self.reserve(name, array.nbytes)
        self._copy_to_device(name, array, address)
        return address

    def upload_shared(self, name: BufferName, value: SharedInput) -> int:
        """Return the device address of a shared input. Upload it only if it is not in the cache.

        Raises OutOfDeviceMemory.
        """

        def create() -> Any:
            memory = self._allocate(name, value.array.nbytes)
            self._copy_to_device(name, value.array, int(memory))
            return memory

        return int(self._shared.get_or_create(value, create))

    def _copy_to_device(self, name: BufferName, array: NDArray[Any], address: int) -> None:
        pinned = self._pinned_buffer(name, array.nbytes)
        pinned.view(array.dtype).reshape(array.shape)[...] = array
        self._cuda.memcpy_htod_async(address, pinned, self._stream)

    def fetch(self, name: BufferName, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Enqueue a copy of a buffer to the host and return the array that will contain it.

        The array is valid after `wait`, until the same buffer is used again.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        pinned = self._pinned_buffer(name, size)
        self._cuda.memcpy_dtoh_async(pinned, self.reserve(name, size), self._stream)
        return pinned.view(dtype).reshape(shape)

    def wait(self) -> None:
        """Wait until all work in the stream is complete."""
        self._stream.synchronize()
