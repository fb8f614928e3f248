"""Simulated GPUs for tests without a GPU: the driver as `pycuda.driver`, and TensorRT as `tensorrt_rtx`.

The simulation follows the rules of the real libraries that code can break: pycuda needs a current context
for every call and aborts the process if one is left at the end of a thread, memory belongs to one GPU and can
be exhausted, an invalid access makes a GPU unusable, and TensorRT reports errors by return values and log
messages.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine import cuda
from ecgdigit_engine.backends import tensorrt
from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.device import CudaDevice
from ecgdigit_engine.tensorrt import build, target

_LOST = "an illegal memory access was encountered"


class CudaError(Exception):
    """Counterpart of `pycuda.driver.Error`."""


class CudaMemoryError(CudaError):
    """Counterpart of `pycuda.driver.MemoryError`."""


class CudaLogicError(CudaError):
    """Counterpart of `pycuda.driver.LogicError`."""


class Context:
    """Primary context of a GPU. It belongs to the thread that retained it."""

    def __init__(self, driver: FakeDriver, gpu: int) -> None:
        self._driver, self.gpu, self.thread = driver, gpu, threading.get_ident()

    def push(self) -> None:
        self._driver.stack().append(self)

    def pop(self) -> None:
        if not self._driver.stack():
            raise CudaLogicError(
                "context::pop failed: invalid device context - cannot pop non-current context"
            )
        self._driver.stack().pop()


class Allocation:
    """Device memory. `int` returns its address."""

    def __init__(self, driver: FakeDriver, size: int) -> None:
        self._driver, self._context, self.size = driver, driver.current(), size
        gpu = self._context.gpu
        if driver.used[gpu] + size > driver.capacity:
            raise CudaMemoryError("cuMemAlloc failed: out of memory")
        driver.used[gpu] += size
        driver.counts["allocations"] += 1
        self._address = 1000 + driver.counts["allocations"]
        driver.memory[self._address] = (gpu, np.zeros(size, np.uint8))

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        assert not self._driver.has_pending_work(), "the memory may still be used"
        if threading.get_ident() != self._context.thread:
            raise CudaLogicError("cannot activate out-of-thread context")
        self._driver.used[self._context.gpu] -= self.size
        del self._driver.memory[self._address]


class CudaStream:
    """CUDA stream. Copies and kernels run when the stream is synchronized."""

    def __init__(self, driver: FakeDriver) -> None:
        self._driver, self._gpu = driver, driver.current().gpu
        if driver.capacity == 0:
            raise CudaMemoryError("cuStreamCreate failed: out of memory")
        self.pending: list[Callable[[], object]] = []
        self.handle = 7 + len(driver.streams)
        driver.streams.append(self)

    def enqueue(self, work: Callable[[], object]) -> None:
        self._driver.current()
        self.pending.append(work)

    def synchronize(self) -> None:
        while self.pending:
            self.pending.pop(0)()
        self._driver.current()


class FakeDriver:
    """Simulated driver with `gpus` GPUs of `capacity` bytes each.

    `is_lost` simulates an invalid memory access. `pinned_capacity` limits the pinned host memory. `counts`
    has the numbers of uploads, downloads and allocations.
    """

    Error, MemoryError, LogicError = CudaError, CudaMemoryError, CudaLogicError

    def __init__(self, gpus: int = 1) -> None:
        self.gpus, self.capacity, self.pinned_capacity = gpus, 1 << 40, 1 << 40
        self.is_lost, self.is_initialized = False, False
        self.used, self.counts = Counter[int](), Counter[str]()
        self.memory: dict[int, tuple[int, NDArray[np.uint8]]] = {}
        self.streams: list[CudaStream] = []
        self._stacks: dict[int, list[Context]] = {}

    def has_pending_work(self) -> bool:
        """Return whether a stream has work that has not run yet."""
        return any(stream.pending for stream in self.streams)

    def stack(self) -> list[Context]:
        """Return the stack of contexts of the calling thread."""
        return self._stacks.setdefault(threading.get_ident(), [])

    def left_contexts(self) -> int:
        """Return the number of contexts that are current in any thread. pycuda would abort the process."""
        return sum(map(len, self._stacks.values()))

    def current(self) -> Context:
        """Return the current context. Raises CudaLogicError if there is none, or the GPU is lost."""
        if not self.stack():
            raise CudaLogicError("explicit_context_dependent failed: invalid device context")
        if self.is_lost:
            raise CudaLogicError(_LOST)
        return self.stack()[-1]

    def at(self, address: int) -> NDArray[np.uint8]:
        """Return the memory at an address of the current GPU."""
        gpu, memory = self.memory[address]
        if gpu != self.current().gpu:
            raise CudaLogicError("invalid argument: the memory belongs to another GPU")
        return memory

    # The functions of `pycuda.driver`:

    def init(self) -> None:
        self.is_initialized = True

    def Device(self, gpu: int) -> SimpleNamespace:  # noqa: N802 the name in pycuda
        if not self.is_initialized or gpu >= self.gpus:
            raise CudaLogicError("invalid device ordinal")
        return SimpleNamespace(retain_primary_context=lambda: Context(self, gpu))

    def Stream(self) -> CudaStream:  # noqa: N802 the name in pycuda
        return CudaStream(self)

    def mem_alloc(self, size: int) -> Allocation:
        return Allocation(self, size)

    def pagelocked_empty(self, size: int, dtype: type[np.generic]) -> NDArray[Any]:
        self.current()
        if size > self.pinned_capacity:
            raise CudaMemoryError("cuMemHostAlloc failed: out of memory")
        return np.empty(size, dtype)

    def memcpy_htod_async(self, address: int, source: NDArray[np.uint8], stream: CudaStream) -> None:
        self.counts["uploads"] += 1
        memory = self.at(address)
        stream.enqueue(lambda: memory.__setitem__(slice(source.size), source))

    def memcpy_dtoh_async(self, target: NDArray[np.uint8], address: int, stream: CudaStream) -> None:
        self.counts["downloads"] += 1
        memory = self.at(address)
        stream.enqueue(lambda: target.__setitem__(slice(None), memory[: target.size]))


class FakeTensorRt:
    """Simulated module `tensorrt_rtx`. An engine runs the graph of the grid stage on the CPU.

    `fault` selects an error: a method that fails, or `memory` for an execution that needs too much of it. A
    batch of up to `max_batch` images fits into memory. `kernels` is the content of the runtime cache, which
    grows with every shape that is executed for the first time. `executed` has the batch sizes of all
    executions, and `last_message` is the last message that was logged.
    """

    class ILogger:
        """Base class of loggers."""

        ERROR, INTERNAL_ERROR, WARNING = "error", "internal error", "warning"

    class IRuntimeCache:
        """Marker: only tensorrt-rtx has this class."""

    def __init__(self, driver: FakeDriver, graph: bytes) -> None:
        self.driver, self.graph = driver, graph
        self.fault, self.max_batch = "", 99
        self.loads, self.executed = 0, list[int]()
        self.last_message = ""
        self.logger: Any = None
        self.kernels = b""

    def nptype(self, dtype: type[np.generic]) -> type[np.generic]:
        return dtype

    def Runtime(self, logger: object) -> SimpleNamespace:  # noqa: N802 the name in TensorRT
        if self.fault == "Runtime":
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self.logger = logger
        return SimpleNamespace(deserialize_cuda_engine=self._deserialize)

    def fail(self, message: str) -> None:
        """Log an error, as TensorRT does before it returns False or None."""
        self.last_message = message
        self.logger.log(self.ILogger.ERROR, message)

    def _deserialize(self, data: bytes) -> FakeEngine | None:
        self.driver.current()
        self.loads += 1
        if self.fault == "deserialize_cuda_engine":
            self.fail("Error Code 1: Cuda Runtime (out of memory)")
            return None
        if data != b"engine":
            self.fail("the engine has a wrong magic number")
            return None
        return FakeEngine(self, self.driver.current().gpu)


class FakeEngine:
    """Simulated engine on one GPU."""

    def __init__(self, trt: FakeTensorRt, gpu: int) -> None:
        self._trt, self.gpu = trt, gpu

    def get_tensor_dtype(self, name: str) -> type[np.generic]:
        return np.float32

    def create_runtime_config(self) -> SimpleNamespace:  # each context needs its own
        return SimpleNamespace(
            create_runtime_cache=lambda: FakeRuntimeCache(self._trt), set_runtime_cache=bool
        )

    def create_execution_context(self, config: object = None) -> FakeExecutionContext | None:
        self._trt.driver.current()
        if self._trt.fault == "create_execution_context":
            self._trt.fail("IRuntime::createExecutionContext: Error Code 4: Internal Error")
            return None
        return FakeExecutionContext(self._trt, self.gpu)


class FakeRuntimeCache:
    """Simulated cache of compiled kernels."""

    def __init__(self, trt: FakeTensorRt) -> None:
        self._trt = trt

    def deserialize(self, blob: bytes) -> bool:
        self._trt.kernels = bytes(blob)
        return True

    def serialize(self) -> bytes | None:
        return None if self._trt.fault == "serialize" else self._trt.kernels


class FakeExecutionContext:
    """Simulated execution context, which runs the graph on the CPU."""

    def __init__(self, trt: FakeTensorRt, gpu: int) -> None:
        self._trt, self._gpu = trt, gpu
        self._runner = OnnxRuntimeRunner(trt.graph, 1)
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        if self._trt.fault == "set_input_shape":
            self._trt.fail(f"setInputShape: {name} is outside the profile")
            return False
        self._shape = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        if self._trt.fault == "set_tensor_address":
            self._trt.fail(f"setTensorAddress: {name} is not aligned")
            return False
        self._addresses[name] = address
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if not self._shape or self._trt.fault == "get_tensor_shape":
            return -1, 4, -1, -1
        batch, height, width, _ = self._shape
        return batch, 4, height // 4, width // 4

    def execute_async_v3(self, stream: int) -> bool:
        trt, driver = self._trt, self._trt.driver
        (own,) = (one for one in driver.streams if one.handle == stream)
        if driver.current().gpu != self._gpu:
            trt.fail("the context belongs to another device")
            return False
        if trt.fault == "illegal access":  # TensorRT accepts the run, and CUDA reports the error later
            own.enqueue(lambda: setattr(driver, "is_lost", True))
            return True
        if trt.fault == "execute_async_v3":
            trt.fail("enqueueV3: Error Code 3: API Usage Error (Parameter check failed)")
            return False
        if self._shape[0] > trt.max_batch:
            trt.fail("enqueueV3: Error Code 1: Cuda Runtime (out of memory)")
            return False
        trt.executed.append(self._shape[0])
        trt.kernels += f"{self._shape};".encode() if f"{self._shape};".encode() not in trt.kernels else b""
        shape, addresses = self._shape, dict(self._addresses)
        pixels = driver.at(addresses["pixels"])[: int(np.prod(shape))]
        outputs = {name: driver.at(address) for name, address in addresses.items() if name != "pixels"}

        def run() -> None:
            for name, value in self._runner.run({"pixels": pixels.reshape(shape)}).items():
                data = np.ascontiguousarray(value).view(np.uint8).ravel()
                outputs[name][: data.size] = data

        own.enqueue(run)
        return True


def simulate_gpus(
    monkeypatch: pytest.MonkeyPatch, graph: bytes, gpus: int = 1, capability: tuple[int, int] = (7, 5)
) -> tuple[FakeDriver, FakeTensorRt]:
    """Replace pycuda and tensorrt-rtx 1.7 with simulations, and report `gpus` GPUs of one kind."""
    driver = FakeDriver(gpus)
    trt = FakeTensorRt(driver, graph)
    package = ModuleType("pycuda")
    package.driver = driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", trt)
    monkeypatch.setattr(cuda, "_thread_local", threading.local())
    build.tensorrt_logger.cache_clear()
    devices = tuple(CudaDevice(index, "T4", capability, 16 << 30) for index in range(gpus))
    reported: Callable[[], tuple[CudaDevice, ...]] = lambda: devices  # noqa: E731
    monkeypatch.setattr(tensorrt, "cuda_devices", reported)
    monkeypatch.setattr(target, "cuda_devices", reported)
    monkeypatch.setattr(tensorrt, "installed_version", lambda _: "1.7")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    return driver, trt
