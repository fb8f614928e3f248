"""Stages through ONNX Runtime: on the CPU the backend that is always there, and on NVIDIA cards."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable
from ecgdigit_engine.backends.telemetry import silence_onnxruntime
from ecgdigit_engine.device import CPU, Device, cuda_devices, has_int8_dot_product
from ecgdigit_engine.device_lru import KEPT_PICTURES, DeviceLru
from ecgdigit_engine.errors import OutOfDeviceMemory
from ecgdigit_engine.runner import DeviceRunner, DeviceTensor, Feeds, Fetches, SharedInput, arrays
from ecgdigit_engine.spec import Port, StageSpec, spec_from_metadata

if TYPE_CHECKING:
    import onnxruntime as ort

_PACKAGES = ("onnxruntime", "onnxruntime-gpu")
_REPAIR = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --no-cache-dir {keep}"
_DTYPES = {"float": "float32", "float16": "float16", "uint8": "uint8", "int64": "int64"}


@cache
def installed_variants() -> dict[str, str]:
    """Versions of the packages that provide `onnxruntime`; two of them overwrite each other's files."""
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    return {name: found[name] for name in _PACKAGES if name in found}


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """ONNX Runtime with its CPU and CUDA providers, or with another provider before that of CUDA."""

    name: str
    provider: str = "CUDAExecutionProvider"

    @property
    def is_auto(self) -> bool:
        return self.name == "onnxruntime"

    def probe(self) -> Ready | Unusable:
        variants = installed_variants()
        if not variants:
            return Unusable("onnxruntime is not installed", "pip install onnxruntime")
        devices: dict[Device, tuple[str, ...]] = {}
        notes: tuple[str, ...] = ()
        clash = len(variants) > 1
        if clash:
            repair = _REPAIR.format(keep="onnxruntime-gpu" if cuda_devices() else "onnxruntime")
            notes = (f"onnxruntime and onnxruntime-gpu overwrite each other's files. Repair it: {repair}",)
        if "onnxruntime-gpu" in variants and not clash:
            devices |= {Device("cuda", card.index): ("fp16", "fp32") for card in cuda_devices()}
        if self.is_auto:
            devices[CPU] = ("int8", "fp32") if has_int8_dot_product() else ("fp32",)
        if devices:
            return Ready(next(iter(variants.values())), devices, notes)
        if not cuda_devices():
            return Unusable("there is no NVIDIA card or no driver", "Use --backend onnxruntime.")
        fix = notes[0] if clash else _REPAIR.format(keep="onnxruntime-gpu")
        return Unusable("onnxruntime is installed without its GPU part", fix)

    def open_stage(self, graph: bytes, how: ExecutionOptions) -> DeviceRunner:
        if how.device == CPU:
            return OnnxRuntimeRunner(graph, how.threads)
        return CudaOnnxRuntimeRunner(graph, how.device.index, self.provider)


def _ports(nodes: list[Any]) -> tuple[Port, ...]:
    """Types are written tensor(float) there."""
    types = [node.type.removeprefix("tensor(").removesuffix(")") for node in nodes]
    return tuple(
        Port(node.name, _DTYPES.get(kind, kind), tuple(node.shape))
        for node, kind in zip(nodes, types, strict=True)
    )


def _session(graph: bytes, threads: int, providers: list[Any], *, optimised: bool = True) -> Any:
    silence_onnxruntime()
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(graph, options, providers=providers)


def _spec(session: ort.InferenceSession) -> StageSpec:
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    return spec_from_metadata(_ports(session.get_inputs()), _ports(session.get_outputs()), metadata)


def spec_from_graph(graph: bytes) -> StageSpec:
    """A graph's spec, read without making it ready to run."""
    return _spec(_session(graph, 1, ["CPUExecutionProvider"], optimised=False))


class OnnxRuntimeRunner:
    """One session on `threads` CPU threads. Satisfies `Runner`."""

    def __init__(self, graph: bytes, threads: int) -> None:
        self._session = _session(graph, threads, ["CPUExecutionProvider"])
        self.spec = _spec(self._session)
        self._names = [port.name for port in self.spec.outputs]

    def run(self, feeds: Feeds, /) -> Fetches:
        self.spec.check(feeds, bounded=False)
        return dict(zip(self._names, self._session.run(self._names, arrays(feeds)), strict=True))

    run_on_device = run


class CudaOnnxRuntimeRunner:
    """One session on an NVIDIA card. Satisfies `Runner`.

    cuDNN's exhaustive search would tune anew for every size that comes by; the heuristic one does not.
    Inputs and outputs are bound, so that ONNX Runtime copies each of them once, and none between two stages.
    """

    def __init__(self, graph: bytes, card: int, provider: str) -> None:
        cuda = (
            "CUDAExecutionProvider",
            {"device_id": card, "cudnn_conv_algo_search": "HEURISTIC", "do_copy_in_default_stream": True},
        )
        self._card, self._device = card, f"cuda:{card}"
        first = [] if provider == cuda[0] else [(provider, {"device_id": card})]
        self._session = _session(graph, 1, [*first, cuda, "CPUExecutionProvider"])
        self.spec = _spec(self._session)
        self._own = threading.local()

    def run(self, feeds: Feeds, /) -> Fetches:
        values = self._ran(feeds, "cpu").copy_outputs_to_cpu()
        return {port.name: value for port, value in zip(self.spec.outputs, values, strict=True)}

    def run_on_device(self, feeds: Feeds, /) -> dict[str, DeviceTensor]:
        values = self._ran(feeds, "cuda").get_outputs()
        return {
            port.name: DeviceTensor(value, tuple(value.shape()), np.dtype(port.dtype))
            for port, value in zip(self.spec.outputs, values, strict=True)
        }

    def _ran(self, feeds: Feeds, where: str) -> Any:
        """The binding of a call that is done, its outputs on `where`."""
        self.spec.check(feeds, bounded=False)
        binding = self._session.io_binding()
        try:
            for name, value in feeds.items():
                if isinstance(value, DeviceTensor):
                    binding.bind_ortvalue_input(name, value.handle)
                elif isinstance(value, SharedInput):
                    binding.bind_ortvalue_input(name, self._kept(value))
                else:
                    binding.bind_cpu_input(name, np.ascontiguousarray(value))
            for port in self.spec.outputs:
                binding.bind_output(port.name, where, 0 if where == "cpu" else self._card)
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
        except RuntimeError as error:  # ONNX Runtime's own errors are such, told apart by their words
            if "allocate memory" in str(error) or "out of memory" in str(error).lower():
                raise OutOfDeviceMemory(self.spec.stage, self._device, str(error)[:200]) from error
            raise
        return binding

    def _kept(self, value: SharedInput) -> Any:
        """The value on the card, taken up at its first call in this thread."""
        import onnxruntime as ort

        if not hasattr(self._own, "kept"):
            self._own.kept = DeviceLru[Any](KEPT_PICTURES)
        kept: DeviceLru[Any] = self._own.kept
        array = value.array
        return kept.found(value, lambda: ort.OrtValue.ortvalue_from_numpy(array, "cuda", self._card))
