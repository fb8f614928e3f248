"""CUDA stream of one thread, with reusable device buffers and pinned host buffers.

Only this module uses pycuda, and it imports pycuda only when a stream is opened. Installing pycuda requires
the CUDA toolkit, so the package is usually missing on machines without a GPU.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ecgdigit_engine.device_cache import DeviceCache
from ecgdigit_engine.errors import DeviceFailed, DeviceLost, OutOfDeviceMemory
from ecgdigit_engine.runner import SharedInput

BufferName = tuple[str, str]
"""Name of a buffer: its stage, which also appears in errors, and its port."""

_thread_local = threading.local()


def stream_of_thread(gpu: int, stage: str) -> StreamContext:
    """Return the stream of the calling thread on a GPU.

    All stages that the thread calls share the stream and run in order. The stream is closed when the thread
    ends. Raises OutOfDeviceMemory or DeviceLost as errors of `stage` if there is no stream yet, and the GPU
    cannot create one.
    """
    streams: dict[int, StreamContext] = _thread_local.__dict__.setdefault("streams", {})
    if gpu not in streams:
        import pycuda.driver as cuda

        try:
            streams[gpu] = StreamContext(gpu)
        except cuda.MemoryError as error:
            raise OutOfDeviceMemory(stage, f"cuda:{gpu}", str(error)) from error
        except cuda.Error as error:
            raise DeviceLost(stage, f"cuda:{gpu}", str(error)) from error
    return streams[gpu]


@dataclass(frozen=True, slots=True)
class _Buffer:
    """Allocated device memory and its size in bytes."""

    memory: Any
    size: int


class StreamContext:
    """A CUDA stream with named buffers in device memory and in pinned host memory. Not thread-safe.

    All methods must be called within `use`. The context of the GPU is current only there. pycuda aborts the
    process if a context is still current when its thread ends, and a thread that uses two GPUs needs the
    context of each.
    """

    def __init__(self, gpu: int) -> None:
        """Create a stream. Raises the errors of pycuda."""
        import pycuda.driver as cuda

        cuda.init()
        self._cuda, self._gpu = cuda, gpu
        # The primary context is the one that the CUDA runtime, and therefore TensorRT, uses. Each thread
        # needs its own object for it: pycuda can release memory only in the thread that created the object.
        self._context = cuda.Device(gpu).retain_primary_context()
        with self._current():
            self._stream = cuda.Stream()
        self._device_buffers: dict[BufferName, _Buffer] = {}
        self._pinned_buffers: dict[BufferName, NDArray[np.uint8]] = {}
        self._shared = DeviceCache[_Buffer](size_of=lambda buffer: buffer.size)

    @property
    def handle(self) -> int:
        """Handle of the stream, as expected by TensorRT."""
        return int(self._stream.handle)

    @contextmanager
    def _current(self) -> Iterator[None]:
        self._context.push()
        try:
            yield
        finally:
            self._context.pop()

    @contextmanager
    def use(self, stage: str) -> Iterator[None]:
        """Make the GPU's context current, and raise the errors of CUDA as errors of `stage`.

        Raises OutOfDeviceMemory, DeviceFailed, or DeviceLost if the GPU refuses all later work.
        """
        try:
            with self._current():
                yield
        except self._cuda.MemoryError as error:
            self._release_all(stage)
            raise OutOfDeviceMemory(stage, str(self), str(error)) from error
        except OutOfDeviceMemory:
            self._release_all(stage)
            raise
        except self._cuda.Error as error:
            self.raise_if_lost(stage, str(error))
            raise DeviceFailed(stage, str(self), str(error)) from error

    def _release_all(self, stage: str) -> None:
        """Free all memory, so that a smaller batch may fit. Raises DeviceLost."""
        self.raise_if_lost(stage, "")
        with self._current():
            for buffer in (*self._device_buffers.values(), *self._shared.clear()):
                buffer.memory.free()
            self._device_buffers.clear()
            self._pinned_buffers.clear()

    def __str__(self) -> str:
        return f"cuda:{self._gpu}"

    def raise_if_lost(self, stage: str, reason: str) -> None:
        """Raise DeviceLost if the GPU refuses all work after an error."""
        try:
            with self._current():
                self._stream.synchronize()
        except self._cuda.Error as error:
            raise DeviceLost(stage, str(self), reason or str(error)) from error

    def reserve(self, name: BufferName, size: int) -> int:
        """Return the device address of a buffer of at least `size` bytes. Raises OutOfDeviceMemory."""
        buffer = self._device_buffers.get(name)
        if buffer is None or buffer.size < size:
            if buffer is not None:
                self._stream.synchronize()
                self._device_buffers.pop(name).memory.free()
            buffer = self._device_buffers[name] = self._allocate(name, size)
        return int(buffer.memory)

    def _allocate(self, name: BufferName, size: int) -> _Buffer:
        try:
            return _Buffer(self._cuda.mem_alloc(max(size, 1)), size)
        except self._cuda.MemoryError as error:
            raise OutOfDeviceMemory(name[0], str(self), f"allocation of {size} bytes failed") from error

    def _pinned_buffer(self, name: BufferName, size: int) -> NDArray[np.uint8]:
        buffer = self._pinned_buffers.get(name)
        if buffer is None or buffer.size < size:
            self._stream.synchronize()
            self._pinned_buffers.pop(name, None)
            try:
                buffer = self._cuda.pagelocked_empty(max(size, 1), np.uint8)
            except self._cuda.MemoryError as error:
                reason = f"allocation of {size} bytes of pinned host memory failed"
                raise OutOfDeviceMemory(name[0], str(self), reason) from error
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

        The memory of an input that no longer exists is reused. Raises OutOfDeviceMemory.
        """
        buffer = self._shared.get(value)
        if buffer is None:
            size = value.array.nbytes
            buffer = self._shared.take_unused(size)
            if buffer is None:
                self._release_evicted(size)
                buffer = self._allocate(name, size)
            try:
                self._copy_to_device(name, value.array, int(buffer.memory))
            except OutOfDeviceMemory:
                buffer.memory.free()
                raise
            self._shared.put(value, buffer)
        return int(buffer.memory)

    def _release_evicted(self, size: int) -> None:
        """Release cached inputs so that an input of `size` bytes fits into the cache."""
        evicted = self._shared.evict(size)
        if evicted:
            self._stream.synchronize()
        for buffer in evicted:
            buffer.memory.free()

    def _copy_to_device(self, name: BufferName, array: NDArray[Any], address: int) -> None:
        pinned = self._pinned_buffer(name, array.nbytes)
        self._stream.synchronize()  # an earlier copy from this buffer may still be in progress
        pinned.view(array.dtype).reshape(array.shape)[...] = array
        self._cuda.memcpy_htod_async(address, pinned, self._stream)

    def fetch(self, name: BufferName, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Enqueue a copy of a buffer to the host and return the array that will contain it.

        The array is valid after `wait`, until the same buffer is reused. Raises OutOfDeviceMemory.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        pinned = self._pinned_buffer(name, size)
        self._cuda.memcpy_dtoh_async(pinned, self.reserve(name, size), self._stream)
        return pinned.view(dtype).reshape(shape)

    def wait(self) -> None:
        """Wait until all work in the stream is complete."""
        self._stream.synchronize()
