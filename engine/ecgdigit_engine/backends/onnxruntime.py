"""ONNX Runtime backend for CPUs and NVIDIA GPUs."""

from __future__ import annotations

import contextlib
import io
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable
from ecgdigit_engine.backends.telemetry import disable_onnxruntime_telemetry
from ecgdigit_engine.cpu import has_int8_dot_product
from ecgdigit_engine.device import CPU, Device, cuda_devices
from ecgdigit_engine.device_cache import DeviceCache
from ecgdigit_engine.errors import (
    BackendUnusable,
    DeviceFailed,
    DeviceLost,
    EcgDigitError,
    GraphUnusable,
    OutOfDeviceMemory,
)
from ecgdigit_engine.runner import DeviceRunner, DeviceTensor, Feeds, Fetches, SharedInput, host_arrays
from ecgdigit_engine.spec import Port, StageSpec, spec_from_metadata

if TYPE_CHECKING:
    import onnxruntime as ort

_CPU_ONLY = ["CPUExecutionProvider"]
_PACKAGES = ("onnxruntime", "onnxruntime-gpu")
_REPAIR = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --no-cache-dir {package}"
_GPU_LIBRARIES = {
    "CUDAExecutionProvider": "pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "TensorrtExecutionProvider": "Install the libraries of TensorRT, or use --backend onnxruntime.",
}
"""How to install the libraries that a provider loads."""

# How ONNX Runtime names exhausted GPU memory, and errors after which CUDA refuses all work of the process:
# 700 (invalid memory access), 702 (timeout), 709 to 719, 214 and 220 (uncorrectable), 999 (unknown), names.
_MEMORY_ERROR = re.compile(
    r"allocate memory|out ?of ?memory|MemoryAllocation|ALLOC(ATION)?_FAILED|CUDA failure 2\b", re.IGNORECASE
)
_FATAL_ERROR = re.compile(
    r"(CUDA failure|CUDA error) (214|220|70[02]|709|71[0-9]|999)\b|illegal memory access|launch failure"
    r"|IllegalAddress|LaunchFailure|LaunchTimeout|device-side assert",
    re.IGNORECASE,
)

_DTYPES = {"float": "float32", "float16": "float16", "uint8": "uint8", "int64": "int64"}


@cache
def installed_variants() -> dict[str, str]:
    """Return the versions of the installed packages that provide the module `onnxruntime`, by package name.

    Only one should be installed, because the packages overwrite each other's files.
    """
    versions = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    return {name: versions[name] for name in _PACKAGES if name in versions}


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """ONNX Runtime with the CPU and CUDA providers.

    If `provider` is not the CUDA provider, it takes precedence over the CUDA provider. The backend
    `onnxruntime` supports CPUs and GPUs. A backend of another name supports only GPUs.
    """

    name: str
    provider: str = "CUDAExecutionProvider"

    @property
    def is_auto(self) -> bool:
        """True for the backend `onnxruntime`, in which no other provider precedes the CUDA provider."""
        return self.name == "onnxruntime"

    def probe(self) -> Ready | Unusable:
        """Check the installed packages and the available GPUs."""
        variants = installed_variants()
        if not variants:
            return Unusable("onnxruntime is not installed", "pip install onnxruntime")
        devices: dict[Device, tuple[str, ...]] = {}
        notes: tuple[str, ...] = ()
        is_conflict = len(variants) > 1
        if is_conflict:
            repair = _REPAIR.format(package="onnxruntime-gpu" if cuda_devices() else "onnxruntime")
            notes = (
                f"onnxruntime and onnxruntime-gpu overwrite each other's files. Install only one: {repair}",
            )
        if "onnxruntime-gpu" in variants and not is_conflict:
            devices |= {Device("cuda", gpu.index): ("fp16", "fp32") for gpu in cuda_devices()}
        if self.is_auto:
            devices[CPU] = ("int8", "fp32") if has_int8_dot_product() else ("fp32",)
        if devices:
            return Ready(next(iter(variants.values())), devices, notes)
        if not cuda_devices():
            return Unusable("there is no NVIDIA GPU or no driver", "Use --backend onnxruntime.")
        fix = notes[0] if is_conflict else _REPAIR.format(package="onnxruntime-gpu")
        return Unusable("the installed onnxruntime has no GPU support", fix)

    def open_stage(self, graph: bytes, options: ExecutionOptions) -> DeviceRunner:
        """Return a runner for a stage."""
        if options.device == CPU:
            return OnnxRuntimeRunner(graph, options.threads)
        return CudaOnnxRuntimeRunner(graph, options.device.index, self.provider)


def _ports(nodes: list[Any]) -> tuple[Port, ...]:
    types = [node.type.removeprefix("tensor(").removesuffix(")") for node in nodes]
    return tuple(
        Port(node.name, _DTYPES.get(kind, kind), tuple(node.shape))
        for node, kind in zip(nodes, types, strict=True)
    )


def _create_session(graph: bytes, threads: int, providers: list[Any], *, optimized: bool = True) -> Any:
    disable_onnxruntime_telemetry()
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    with _graph_errors(is_cpu=providers == _CPU_ONLY):
        return ort.InferenceSession(graph, options, providers=providers)


@contextlib.contextmanager
def _graph_errors(*, is_cpu: bool) -> Iterator[None]:
    """Raise the errors of ONNX Runtime about the content of a graph as GraphUnusable.

    On a CPU, general errors also concern the graph, unless memory runs out.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (state.InvalidProtobuf, state.InvalidGraph, state.NoModel, state.NotImplemented)
    general = (state.Fail, state.InvalidArgument, state.RuntimeException) if is_cpu else ()
    try:
        yield
    except (*kinds, *general) as error:
        if "alloc" in str(error):
            raise
        raise GraphUnusable("A network", str(error)[:200]) from error


def _spec_from_session(session: ort.InferenceSession) -> StageSpec:
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    try:
        return spec_from_metadata(_ports(session.get_inputs()), _ports(session.get_outputs()), metadata)
    except (ValueError, TypeError, AttributeError) as error:
        raise GraphUnusable("A network", f"its metadata are invalid ({error})") from error


def spec_from_graph(graph: bytes) -> StageSpec:
    """Return the specification of a graph. It is loaded without optimization. Raises GraphUnusable."""
    return _spec_from_session(_create_session(graph, 1, _CPU_ONLY, optimized=False))


class OnnxRuntimeRunner:
    """Runner of a session on `threads` CPU threads. Satisfies `DeviceRunner`."""

    def __init__(self, graph: bytes, threads: int) -> None:
        self._session = _create_session(graph, threads, _CPU_ONLY)
        self.spec = _spec_from_session(self._session)
        self._names = [port.name for port in self.spec.outputs]

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name. Raises ShapeOutsideProfile."""
        self.spec.check(feeds, bounded=False)
        return dict(zip(self._names, self._session.run(self._names, host_arrays(feeds)), strict=True))

    run_on_device = run


@cache
def _load_gpu_libraries() -> None:
    """Load the libraries of CUDA and cuDNN from their packages, which ONNX Runtime does not do by itself."""
    import onnxruntime as ort

    ort.set_default_logger_severity(3)  # otherwise each session prints a warning about plugins
    if hasattr(ort, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints; `_create_gpu_session` checks the result
            ort.preload_dlls()


@contextlib.contextmanager
def _device_errors(stage: str, device: str) -> Iterator[None]:
    """Raise the errors of ONNX Runtime as OutOfDeviceMemory, DeviceLost or DeviceFailed.

    Its exceptions have no common base class, and only their messages tell them apart. Inputs that the network
    does not accept are errors of this program.
    """
    try:
        yield
    except (EcgDigitError, MemoryError, RecursionError, NotImplementedError):
        raise
    except Exception as error:
        kind = type(error)
        is_foreign = isinstance(error, RuntimeError) or kind.__module__.startswith("onnxruntime")
        if not is_foreign or kind.__name__ == "InvalidArgument":
            raise
        text = str(error)
        for raised, pattern in ((OutOfDeviceMemory, _MEMORY_ERROR), (DeviceLost, _FATAL_ERROR)):
            if pattern.search(text):
                raise raised(stage, device, text[:200]) from error
        raise DeviceFailed(stage, device, text[:200]) from error


def _create_gpu_session(graph: bytes, gpu: int, provider: str) -> ort.InferenceSession:
    """Return a session whose preferred provider is `provider`. Raises BackendUnusable.

    ONNX Runtime would silently use the CPU if it could not load the libraries of a provider.
    """
    import onnxruntime as ort

    _load_gpu_libraries()
    cuda = (
        "CUDAExecutionProvider",
        {"device_id": gpu, "cudnn_conv_algo_search": "HEURISTIC", "do_copy_in_default_stream": True},
    )
    first = [] if provider == cuda[0] else [(provider, {"device_id": gpu})]
    stage, printed, loaded = spec_from_graph(graph).stage, io.StringIO(), ort.get_available_providers()
    if provider in loaded:
        with contextlib.redirect_stdout(printed), _device_errors(stage, f"cuda:{gpu}"):
            session = _create_session(graph, 1, [*first, cuda, "CPUExecutionProvider"])
        loaded = session.get_providers()
    missing = [name for name in (provider, cuda[0]) if name not in loaded]
    if missing:
        detail = " ".join(printed.getvalue().split())[:200]
        if _MEMORY_ERROR.search(detail):
            raise OutOfDeviceMemory(stage, f"cuda:{gpu}", detail)
        reason = f"it could not load the {missing[0]}" + (f" ({detail})" if detail else "")
        raise BackendUnusable(f"onnxruntime on cuda:{gpu}", reason, _GPU_LIBRARIES[missing[0]])
    return session


class CudaOnnxRuntimeRunner:
    """Runner of a session on an NVIDIA GPU. Satisfies `DeviceRunner`. Raises BackendUnusable.

    cuDNN selects its algorithms heuristically, because its exhaustive search would run again for every new
    input size. Inputs and outputs are bound to the session. ONNX Runtime therefore copies each of them once,
    and copies nothing between two stages.
    """

    def __init__(self, graph: bytes, gpu: int, provider: str) -> None:
        self._gpu, self._device = gpu, f"cuda:{gpu}"
        self._session = _create_gpu_session(graph, gpu, provider)
        self.spec = _spec_from_session(self._session)
        self._thread_local = threading.local()

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name.

        Raises ShapeOutsideProfile, OutOfDeviceMemory, DeviceFailed or DeviceLost.
        """
        with _device_errors(self.spec.stage, self._device):
            values = self._run_bound(feeds, "cpu").copy_outputs_to_cpu()
        return {port.name: value for port, value in zip(self.spec.outputs, values, strict=True)}

    def run_on_device(self, feeds: Feeds, /) -> dict[str, DeviceTensor]:
        """Run the session and return outputs that stay in device memory. Raises the errors of `run`."""
        with _device_errors(self.spec.stage, self._device):
            values = self._run_bound(feeds, "cuda").get_outputs()
        return {
            port.name: DeviceTensor(value, tuple(value.shape()), np.dtype(port.dtype))
            for port, value in zip(self.spec.outputs, values, strict=True)
        }

    def _run_bound(self, feeds: Feeds, output_device: str) -> Any:
        """Run the session and return its binding, with the outputs in the memory of `output_device`."""
        self.spec.check(feeds, bounded=False)
        binding = self._session.io_binding()
        for name, value in feeds.items():
            if isinstance(value, DeviceTensor):
                binding.bind_ortvalue_input(name, value.handle)
            elif isinstance(value, SharedInput):
                binding.bind_ortvalue_input(name, self._upload_shared(value))
            else:
                binding.bind_cpu_input(name, np.ascontiguousarray(value))
        for port in self.spec.outputs:
            binding.bind_output(port.name, output_device, 0 if output_device == "cpu" else self._gpu)
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return binding

    def _upload_shared(self, value: SharedInput) -> Any:
        """Return the value in device memory. Upload it only if it is not in this thread's cache."""
        import onnxruntime as ort

        if not hasattr(self._thread_local, "shared"):
            self._thread_local.shared = DeviceCache[Any](lambda tensor: int(tensor.tensor_size_in_bytes()))
        shared: DeviceCache[Any] = self._thread_local.shared
        tensor = shared.get(value)
        if tensor is None:
            shared.evict(value.array.nbytes)
            tensor = ort.OrtValue.ortvalue_from_numpy(value.array, "cuda", self._gpu)
            shared.put(value, tensor)
        return tensor
