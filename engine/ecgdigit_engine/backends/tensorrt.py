"""TensorRT backends for NVIDIA GPUs: `tensorrt` and `tensorrt-rtx`, which have the same API."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable, installed_version
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.cuda import StreamContext, stream_of_thread
from ecgdigit_engine.device import Device, cuda_devices
from ecgdigit_engine.errors import (
    BackendUnusable,
    DeviceFailed,
    EngineCorrupt,
    EngineMissing,
    EngineUntrusted,
    OutOfDeviceMemory,
)
from ecgdigit_engine.runner import DeviceRunner, DeviceTensor, Feed, Feeds, Fetches, SharedInput
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.tensorrt.build import tensorrt_logger, tensorrt_module
from ecgdigit_engine.tensorrt.matching import graph_digest, matching_engine
from ecgdigit_engine.tensorrt.store import EngineStore, StoredEngine, engine_folder, write_atomically
from ecgdigit_engine.tensorrt.target import OTHER_BACKENDS, supported_gpus, unsupported_reason
from ecgdigit_engine.trusted_paths import untrusted_reason

# How TensorRT and CUDA name exhausted memory: "Cuda Runtime (out of memory)", "OutOfMemory",
# "Cuda failure: 2", "cudaErrorMemoryAllocation", "Requested amount of GPU memory could not be allocated".
_MEMORY_ERROR = re.compile(
    r"out ?of ?memory|MemoryAllocation|cuda failure: 2\b|could not be allocated|failed to allocate",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TensorRt:
    """TensorRT with stored engines. `name` is the package that builds and runs them."""

    name: str
    is_auto: bool = True

    @property
    def command(self) -> str:
        """Command that builds engines for this backend."""
        return f"ecgdigit-rt build-engines --backend {self.name}"

    def probe(self) -> Ready | Unusable:
        """Check the packages, the GPUs and the stored engines."""
        version = installed_version(self.name)
        if version is None:
            return Unusable(f"{self.name} is not installed", f"pip install {self.name}")
        if not cuda_devices():
            return Unusable("there is no NVIDIA GPU or no driver", "Use --backend onnxruntime.")
        if importlib.util.find_spec("pycuda") is None:
            return Unusable(
                "pycuda is not installed",
                "pip install 'pycuda>=2026.1,<2027' (needs the CUDA toolkit to compile)",
            )
        gpus = supported_gpus(self.name)
        if not gpus:
            return Unusable(unsupported_reason(cuda_devices()[0]), OTHER_BACKENDS)
        devices: dict[Device, tuple[str, ...]] = {}
        try:
            identities = [engine.identity for engine in EngineStore(engine_folder()).engines()]
        except EngineUntrusted as error:
            return Unusable(error.message, error.hint)
        identities = [
            identity
            for identity in identities
            if (identity.backend, identity.backend_version) == (self.name, version)
        ]
        for gpu in gpus:
            target = f"sm{gpu.capability[0]}{gpu.capability[1]}"
            built = {identity.precision for identity in identities if target in identity.targets}
            if built:
                devices[Device("cuda", gpu.index)] = tuple(p for p in ("fp16", "fp32") if p in built)
        if not devices:
            return Unusable(f"no engines are built for this GPU and {self.name} {version}", self.command)
        return Ready(version, devices)

    def open_stage(self, graph: bytes, options: ExecutionOptions) -> DeviceRunner:
        """Return a runner for a stage.

        Raises EngineMissing, with the reason why the newest stored engine does not match, EngineUntrusted,
        EngineCorrupt, BackendUnusable, OutOfDeviceMemory, DeviceFailed or DeviceLost.
        """
        spec = spec_from_graph(graph)
        store = EngineStore(options.engines or engine_folder())
        gpu = next(gpu for gpu in cuda_devices() if gpu.index == options.device.index)
        engine, stale = matching_engine(
            store.engines(), spec.stage, graph_digest(graph), self.name,
            installed_version(self.name) or "?", gpu.capability,
        )  # fmt: skip
        if engine is None:
            raise EngineMissing(spec.stage, store.folder, self.command, stale)
        return TensorRtRunner(self.name, engine, spec, gpu.index)


class LoadedEngine:
    """An engine in the memory of a GPU. Runners of the same engine share it.

    Raises EngineCorrupt if TensorRT cannot load the engine, BackendUnusable if it cannot use the driver,
    OutOfDeviceMemory or DeviceLost.
    """

    def __init__(self, backend: str, stored: StoredEngine, gpu: int) -> None:
        self._trt, self.errors = tensorrt_module(backend), tensorrt_logger(backend).errors
        self._lock, self._cache_file = threading.Lock(), stored.runtime_cache
        stage = stored.identity.stage
        stream = stream_of_thread(gpu, stage)
        with stream.use(stage):
            self.errors.clear()
            try:
                self._runtime = self._trt.Runtime(tensorrt_logger(backend))
            except TypeError as error:  # raised by the bindings if TensorRT returns no object
                reason = "; ".join(self.errors.texts()) or str(error)
                raise BackendUnusable(backend, reason, "Update the NVIDIA driver.") from error
            self._engine = self._runtime.deserialize_cuda_engine(stored.read())
            if self._engine is None:
                reason = "; ".join(self.errors.texts()) or "TensorRT could not load it"
                stream.raise_if_lost(stage, reason)
                if _MEMORY_ERROR.search(reason):
                    raise OutOfDeviceMemory(stage, str(stream), reason)
                raise EngineCorrupt(stored.path, reason)
            self._kernels: Any = None
            self._stored_kernels = b""
            if hasattr(self._engine, "create_runtime_config") and hasattr(self._trt, "IRuntimeCache"):
                self._load_kernels()

    def dtype(self, name: str) -> np.dtype[Any]:
        """Return the type of an input or output."""
        dtype: np.dtype[Any] = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        return dtype

    def _load_kernels(self) -> None:
        """Load the kernels that tensorrt-rtx has compiled in earlier runs.

        TensorRT ignores them if they belong to another GPU, driver or version. They are also ignored if
        another user could change their file.
        """
        self._kernels = self._engine.create_runtime_config().create_runtime_cache()
        if untrusted_reason(self._cache_file):
            return
        with suppress(OSError):
            self._stored_kernels = self._cache_file.read_bytes()
            self._kernels.deserialize(self._stored_kernels)

    def create_context(self) -> Any:
        """Return a new execution context, or None if TensorRT cannot create one."""
        with self._lock:
            if self._kernels is None:
                return self._engine.create_execution_context()
            config = self._engine.create_runtime_config()
            config.set_runtime_cache(self._kernels)  # if it fails, the kernels are compiled again
            return self._engine.create_execution_context(config)

    def save_kernels(self) -> None:
        """Store the compiled kernels, so that the next process need not compile them.

        Nothing is stored if TensorRT cannot serialize them, or if the engine folder is not writable.
        """
        with self._lock:
            memory = None if self._kernels is None else self._kernels.serialize()
            data = b"" if memory is None else bytes(memory)
            if data and data != self._stored_kernels:
                with suppress(OSError):
                    write_atomically(self._cache_file, data)
                self._stored_kernels = data


_loaded: WeakValueDictionary[tuple[str, str, str, int], LoadedEngine] = WeakValueDictionary()
_loading = threading.Lock()


def _load_engine(backend: str, stored: StoredEngine, gpu: int) -> LoadedEngine:
    """Return an engine in the memory of a GPU. It is loaded once, as long as a runner uses it."""
    key = (backend, str(stored.path), stored.sha256, gpu)
    with _loading:
        engine = _loaded.get(key)
        if engine is None:
            engine = _loaded[key] = LoadedEngine(backend, stored, gpu)
        return engine


class TensorRtRunner:
    """Runner of an engine. Satisfies `DeviceRunner`.

    There is one execution context and one CUDA stream per calling thread.
    """

    def __init__(self, backend: str, engine: StoredEngine, spec: StageSpec, gpu: int) -> None:
        self.spec = dataclasses.replace(spec, axes=engine.identity.axes)
        self._gpu = gpu
        self._hint = (
            f"If the engine was built with lower limits, rebuild it with larger --batch or --max-side: "
            f"ecgdigit-rt build-engines --backend {backend}"
        )
        self._thread_local = threading.local()
        self._engine = _load_engine(backend, engine, gpu)
        self._dtypes = {port.name: self._engine.dtype(port.name) for port in self.spec.outputs}

    def close(self) -> None:
        """Store the kernels that were compiled, and release the engine and the calling thread's context."""
        with stream_of_thread(self._gpu, self.spec.stage).use(self.spec.stage):
            try:
                self._engine.save_kernels()
            finally:
                self._thread_local.__dict__.clear()
                del self._engine  # inside the context, in which TensorRT must free it

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name.

        Raises ShapeOutsideProfile, OutOfDeviceMemory, DeviceFailed or DeviceLost.
        """
        stream, stage = stream_of_thread(self._gpu, self.spec.stage), self.spec.stage
        with stream.use(stage):
            tensors = self._enqueue(stream, feeds)
            fetched = {name: stream.fetch((stage, name), t.shape, t.dtype) for name, t in tensors.items()}
            stream.wait()
            return {name: value.copy() for name, value in fetched.items()}

    def run_on_device(self, feeds: Feeds, /) -> dict[str, DeviceTensor]:
        """Enqueue a run and return its outputs, which later work in the thread's stream may use.

        Raises ShapeOutsideProfile, OutOfDeviceMemory, DeviceFailed or DeviceLost.
        """
        stream = stream_of_thread(self._gpu, self.spec.stage)
        with stream.use(self.spec.stage):
            return self._enqueue(stream, feeds)

    def _enqueue(self, stream: StreamContext, feeds: Feeds) -> dict[str, DeviceTensor]:
        self.spec.check(feeds, bounded=True, hint=self._hint)
        self._engine.errors.clear()
        context = self._context(stream)
        for name, value in feeds.items():
            self._check(stream, context.set_input_shape(name, value.shape), f"the shape of {name}")
            address = self._device_address(stream, name, value)
            self._check(stream, context.set_tensor_address(name, address), f"the address of {name}")
        outputs = {}
        for port in self.spec.outputs:
            shape, dtype = tuple(context.get_tensor_shape(port.name)), self._dtypes[port.name]
            self._check(stream, all(side >= 0 for side in shape), f"the shape of {port.name}")
            address = stream.reserve((self.spec.stage, port.name), int(np.prod(shape)) * dtype.itemsize)
            self._check(stream, context.set_tensor_address(port.name, address), f"the address of {port.name}")
            outputs[port.name] = DeviceTensor(address, shape, dtype)
        self._check(stream, context.execute_async_v3(stream.handle), "the execution")
        return outputs

    def _context(self, stream: StreamContext) -> Any:
        """Return the execution context of the calling thread."""
        context = getattr(self._thread_local, "context", None)
        if context is None:
            context = self._engine.create_context()
            self._check(stream, context is not None, "an execution context")
            self._thread_local.context = context
        return context

    def _check(self, stream: StreamContext, succeeded: bool, what: str) -> None:
        """Raise OutOfDeviceMemory, DeviceFailed or DeviceLost if TensorRT has rejected `what`.

        TensorRT reports the reason only as text.
        """
        if succeeded:
            return
        stage, messages = self.spec.stage, "; ".join(self._engine.errors.texts())
        reason = f"TensorRT rejected {what}: {messages or 'it reported no reason'}"
        stream.raise_if_lost(stage, reason)
        if _MEMORY_ERROR.search(messages):
            raise OutOfDeviceMemory(stage, str(stream), reason)
        raise DeviceFailed(stage, str(stream), reason)

    def _device_address(self, stream: StreamContext, port: str, value: Feed) -> int:
        if isinstance(value, DeviceTensor):
            return int(value.handle)
        if isinstance(value, SharedInput):
            return stream.upload_shared((self.spec.stage, port), value)
        return stream.upload((self.spec.stage, port), np.ascontiguousarray(value))
