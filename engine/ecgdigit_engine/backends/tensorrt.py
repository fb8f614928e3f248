"""TensorRT backends for NVIDIA GPUs: `tensorrt` and `tensorrt-rtx`, which have the same API."""

from __future__ import annotations

import dataclasses
import importlib.util
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable, installed_version
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.cuda import StreamContext, stream_of_thread
from ecgdigit_engine.device import Device, cuda_devices
from ecgdigit_engine.errors import EngineCorrupt, EngineMissing, OutOfDeviceMemory
from ecgdigit_engine.runner import DeviceRunner, DeviceTensor, Feed, Feeds, Fetches, SharedInput
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.tensorrt.build import tensorrt_logger, tensorrt_module
from ecgdigit_engine.tensorrt.matching import graph_digest, matching_engine
from ecgdigit_engine.tensorrt.store import EngineStore, StoredEngine, engine_folder


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
                "pip install 'ecgdigit-rt[gpu]' (needs the CUDA toolkit to compile)",
            )
        devices: dict[Device, tuple[str, ...]] = {}
        identities = [engine.identity for engine in EngineStore(engine_folder()).engines()]
        identities = [
            identity
            for identity in identities
            if (identity.backend, identity.backend_version) == (self.name, version)
        ]
        for gpu in cuda_devices():
            target = f"sm{gpu.capability[0]}{gpu.capability[1]}"
            built = {identity.precision for identity in identities if target in identity.targets}
            if built:
                devices[Device("cuda", gpu.index)] = tuple(p for p in ("fp16", "fp32") if p in built)
        if not devices:
            return Unusable(f"no engines are built for this GPU and {self.name} {version}", self.command)
        return Ready(version, devices)

    def open_stage(self, graph: bytes, options: ExecutionOptions) -> DeviceRunner:
        """Return a runner for a stage.

        Raises EngineMissing, with the reason why the newest stored engine does not match, or EngineCorrupt.
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


class TensorRtRunner:
    """Runner of an engine. Satisfies `DeviceRunner`.

    There is one execution context and one CUDA stream per calling thread.
    """

    def __init__(self, backend: str, engine: StoredEngine, spec: StageSpec, gpu: int) -> None:
        self.spec = dataclasses.replace(spec, axes=engine.identity.axes)
        self._gpu, self._backend = gpu, backend
        self._hint = (
            f"If the engine was built with lower limits, rebuild it with larger --batch or --max-side: "
            f"ecgdigit-rt build-engines --backend {backend}"
        )
        self._thread_local = threading.local()
        stream_of_thread(gpu)  # the GPU's context must exist before the engine is loaded
        trt = tensorrt_module(backend)
        self._runtime = trt.Runtime(tensorrt_logger(backend))
        self._engine = self._runtime.deserialize_cuda_engine(engine.read())
        if self._engine is None:
            reason = "; ".join(tensorrt_logger(backend).messages) or "TensorRT could not load it"
            raise EngineCorrupt(engine.path, reason)
        self._dtypes: dict[str, np.dtype[Any]] = {
            port.name: np.dtype(trt.nptype(self._engine.get_tensor_dtype(port.name)))
            for port in self.spec.outputs
        }

    def _context(self) -> Any:
        if not hasattr(self._thread_local, "context"):
            self._thread_local.context = self._engine.create_execution_context()
        return self._thread_local.context

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name.

        Raises ShapeOutsideProfile or OutOfDeviceMemory.
        """
        stream, stage = stream_of_thread(self._gpu), self.spec.stage
        tensors = self.run_on_device(feeds)
        fetched = {name: stream.fetch((stage, name), t.shape, t.dtype) for name, t in tensors.items()}
        stream.wait()
        return {name: value.copy() for name, value in fetched.items()}

    def run_on_device(self, feeds: Feeds, /) -> dict[str, DeviceTensor]:
        """Enqueue a run and return its outputs, which later work in the thread's stream may use.

        Raises ShapeOutsideProfile, or OutOfDeviceMemory. The latter is also raised if TensorRT rejects the
        run for another reason, because TensorRT reports the reason only as text.
        """
        self.spec.check(feeds, bounded=True, hint=self._hint)
        stream, context = stream_of_thread(self._gpu), self._context()
        for name, value in feeds.items():
            context.set_input_shape(name, value.shape)
            context.set_tensor_address(name, self._device_address(stream, name, value))
        outputs = {}
        for port in self.spec.outputs:
            shape, dtype = tuple(context.get_tensor_shape(port.name)), self._dtypes[port.name]
            address = stream.reserve((self.spec.stage, port.name), int(np.prod(shape)) * dtype.itemsize)
            context.set_tensor_address(port.name, address)
            outputs[port.name] = DeviceTensor(address, shape, dtype)
        if not context.execute_async_v3(stream.handle):
            messages = tensorrt_logger(self._backend).messages
            reason = (messages or ["TensorRT reported no reason"])[-1]
            raise OutOfDeviceMemory(self.spec.stage, f"cuda:{self._gpu}", reason)
        return outputs

    def _device_address(self, stream: StreamContext, port: str, value: Feed) -> int:
        if isinstance(value, DeviceTensor):
            return int(value.handle)
        if isinstance(value, SharedInput):
            return stream.upload_shared((self.spec.stage, port), value)
        return stream.upload((self.spec.stage, port), np.ascontiguousarray(value))
