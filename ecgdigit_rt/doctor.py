"""Report of `ecgdigit-rt doctor` about the installation: versions, devices, backends, models and engines."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import ecgdigit_rt
from ecgdigit_engine.backends import all_backends
from ecgdigit_engine.backends.backend import Ready, installed_version
from ecgdigit_engine.cpu import cpu_flags, cpu_name, usable_cpus
from ecgdigit_engine.device import cuda_devices
from ecgdigit_engine.errors import EcgDigitError
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.tensorrt.store import EngineStore, engine_folder
from ecgdigit_rt.models import graph_precisions, load_models
from ecgdigit_rt.models.engine_builds import engine_statuses

_PACKAGES = (
    "numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt",
    "tensorrt-rtx", "pycuda", "numba", "scipy", "torch", "onnx", "rapidocr",
)  # fmt: skip
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    `ok` is true if the line reports success, false if it reports a problem, and None if it is only
    information.
    """

    category: str
    name: str
    ok: bool | None
    message: str


def findings() -> list[Finding]:
    """Examine the installation, and return the findings in the order in which they are displayed."""
    return [*_machine(), *_packages(), *_backends(), *_models(), *_engines(), _selection()]


def _machine() -> list[Finding]:
    flags = " ".join(flag for flag in _FLAGS if flag in cpu_flags())
    lines = [
        Finding("machine", "python", None, f"{platform.python_version()} on {platform.platform()}"),
        Finding("machine", "cpu", None, f"{cpu_name()}, {usable_cpus()} usable, {flags or 'flags unknown'}"),
    ]
    for gpu in cuda_devices():
        capability = "".join(map(str, gpu.capability))
        message = f"{gpu.name}, sm{capability}, {gpu.memory_bytes / 2**30:.1f} GiB"
        lines.append(Finding("machine", f"cuda:{gpu.index}", None, message))
    if not cuda_devices():
        lines.append(Finding("machine", "cuda", None, "no NVIDIA GPU or no driver"))
    return lines


def _packages() -> list[Finding]:
    versions = {"ecgdigit-rt": ecgdigit_rt.__version__} | {
        name: installed_version(name) for name in _PACKAGES
    }
    return [
        Finding("package", name, None, version) for name, version in versions.items() if version is not None
    ]


def _backends() -> list[Finding]:
    lines = []
    for name, backend in all_backends().items():
        probe = backend.probe()
        if isinstance(probe, Ready):
            devices = "; ".join(
                f"{device}: {', '.join(precisions)}" for device, precisions in probe.devices.items()
            )
            notes = "".join(f". {note}" for note in probe.notes)
            lines.append(Finding("backend", name, not probe.notes, f"ready: {devices}{notes}"))
        else:
            lines.append(Finding("backend", name, None, f"not available: {probe.reason}. {probe.fix}"))
    return lines


def _models() -> list[Finding]:
    try:
        families = [load_models(precision=precision) for precision in graph_precisions()]
    except EcgDigitError as error:
        return [Finding("models", "lite", False, f"{error.message}. {error.hint}")]
    sizes = ", ".join(
        f"{family.precision} {sum(map(len, family.graphs.values())) / 1e6:.1f} MB" for family in families
    )
    return [Finding("models", str(families[0]), True, f"complete ({sizes})")]


def _engines() -> list[Finding]:
    store = EngineStore(engine_folder())
    try:
        lines = [
            Finding("engine", status.path.name, not status.reason, status.reason or "ok")
            for status in engine_statuses(store)
        ]
    except EcgDigitError as error:
        return [Finding("engine", str(store.folder), False, f"{error.message}. {error.hint}")]
    return lines or [Finding("engine", "none", None, f"in {store.folder}")]


def _selection() -> Finding:
    try:
        selection = select_backend()
    except EcgDigitError as error:
        return Finding("run", "auto", False, f"{error.message}. {error.hint}")
    return Finding("run", "auto", True, f"{selection}")
