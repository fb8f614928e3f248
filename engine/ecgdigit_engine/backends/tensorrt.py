"""Stages as TensorRT engines on NVIDIA cards: `tensorrt` and `tensorrt-rtx` are one API under two names."""

from __future__ import annotations

import dataclasses
import importlib.util
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable, installed
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.cuda import StreamContext, stream_of_thread
from ecgdigit_engine.device import Device, cuda_devices
from ecgdigit_engine.errors import EngineCorrupt, EngineMissing, OutOfDeviceMemory
from ecgdigit_engine.runner import DeviceRunner, DeviceTensor, Feed, Feeds, Fetches, SharedInput
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.tensorrt.build import logger_of, module_of
from ecgdigit_engine.tensorrt.matching import graph_digest, matching_engine
from ecgdigit_engine.tensorrt.store import EngineStore, StoredEngine, engine_folder


@dataclass(frozen=True, slots=True)
class TensorRt:
    """The engines that `build-engines` made with the package of this name."""

    name: str
    is_auto: bool = True

    @property
    def command(self) -> str:
        """What builds engines for this backend."""
        return f"ecgdigit-rt build-engines --backend {self.name}"

    def probe(self) -> Ready | Unusable:
        found = installed(self.name)
        if found is None:
            return Unusable(f"{self.name} is not installed", f"pip install {self.name}")
        if not cuda_devices():
            return Unusable("there is no NVIDIA card or no driver", "Use --backend onnxruntime.")
        if importlib.util.find_spec("pycuda") is None:
            return Unusable("pycuda is not installed", "pip install 'ecgdigit-rt[gpu]' (it compiles)")
        devices: dict[Device, tuple[str, ...]] = {}
        papers = [engine.papers for engine in EngineStore(engine_folder()).engines()]
        papers = [one for one in papers if (one.backend, one.backend_version) == (self.name, found)]
        for card in cuda_devices():
            target = f"sm{card.capability[0]}{card.capability[1]}"
            built = {one.precision for one in papers if target in one.targets}
            if built:
                devices[Device("cuda", card.index)] = tuple(p for p in ("fp16", "fp32") if p in built)
        if not devices:
            return Unusable(f"no engines are built for this card by {self.name} {found}", self.command)
        return Ready(found, devices)

    def open_stage(self, graph: bytes, how: ExecutionOptions) -> DeviceRunner:
        """Raises EngineMissing, which says why those that are there do not fit, and EngineCorrupt."""
        spec = spec_from_graph(graph)
        store = EngineStore(how.engines or engine_folder())
        card = next(card for card in cuda_devices() if card.index == how.device.index)
        engine, stale = matching_engine(
            store.engines(), spec.stage, graph_digest(graph), self.name, installed(self.name) or "?",
            card.capability,
        )  # fmt: skip
        if engine is None:
            raise EngineMissing(spec.stage, store.folder, self.command, stale)
        return TensorRtRunner(self.name, engine, spec, card.index)


class TensorRtRunner:
    """One engine; every calling thread has a context, and a lane on the card. Satisfies `Runner`."""

    def __init__(self, backend: str, engine: StoredEngine, spec: StageSpec, card: int) -> None:
        self.spec = dataclasses.replace(spec, axes=engine.papers.axes)
        self._card, self._backend = card, backend
        self._way_out = f"Build one: ecgdigit-rt build-engines --backend {backend} with --batch, --max-side."
        self._own = threading.local()
        stream_of_thread(card)  # the card's context must be there before the engine is
        trt = module_of(backend)
        self._runtime = trt.Runtime(logger_of(backend))
        self._engine = self._runtime.deserialize_cuda_engine(engine.read())
        if self._engine is None:
            raise EngineCorrupt(engine.path, "; ".join(logger_of(backend).said) or "TensorRT refuses it")
        self._dtypes: dict[str, np.dtype[Any]] = {
            port.name: np.dtype(trt.nptype(self._engine.get_tensor_dtype(port.name)))
            for port in self.spec.outputs
        }

    def _context(self) -> Any:
        if not hasattr(self._own, "context"):
            self._own.context = self._engine.create_execution_context()
        return self._own.context

    def run(self, feeds: Feeds, /) -> Fetches:
        lane, stage = stream_of_thread(self._card), self.spec.stage
        launched = self.run_on_device(feeds)
        found = {name: lane.fetch((stage, name), v.shape, v.dtype) for name, v in launched.items()}
        lane.wait()
        return {name: value.copy() for name, value in found.items()}

    def run_on_device(self, feeds: Feeds, /) -> dict[str, DeviceTensor]:
        """Begin; what comes of it is there for whatever the thread's stream does next."""
        self.spec.check(feeds, bounded=True, way_out=self._way_out)
        lane, context = stream_of_thread(self._card), self._context()
        for name, value in feeds.items():
            context.set_input_shape(name, value.shape)
            context.set_tensor_address(name, self._address(lane, name, value))
        outputs = {}
        for port in self.spec.outputs:
            shape, dtype = tuple(context.get_tensor_shape(port.name)), self._dtypes[port.name]
            address = lane.room((self.spec.stage, port.name), int(np.prod(shape)) * dtype.itemsize)
            context.set_tensor_address(port.name, address)
            outputs[port.name] = DeviceTensor(address, shape, dtype)
        if not context.execute_async_v3(lane.handle):
            said = logger_of(self._backend).said
            raise OutOfDeviceMemory(self.spec.stage, f"cuda:{self._card}", (said or ["no reason given"])[-1])
        return outputs

    def _address(self, lane: StreamContext, port: str, value: Feed) -> int:
        if isinstance(value, DeviceTensor):
            return int(value.handle)
        if isinstance(value, SharedInput):
            return lane.kept((self.spec.stage, port), value)
        return lane.sent((self.spec.stage, port), np.ascontiguousarray(value))
