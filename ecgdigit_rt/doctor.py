"""The state of this installation as values: versions, devices, backends, models, engines."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import ecgdigit_rt
from ecgdigit_engine.backends import all_backends
from ecgdigit_engine.backends.backend import Ready, installed
from ecgdigit_engine.device import cpu_flags, cpu_name, cuda_devices
from ecgdigit_engine.errors import EcgDigitError
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.tensorrt.store import EngineStore, engine_folder
from ecgdigit_engine.threads import usable_cpus
from ecgdigit_rt.models import graph_precisions, load_models
from ecgdigit_rt.models.engine_builds import engine_statuses

_PACKAGES = (
    "numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt",
    "tensorrt-rtx", "pycuda", "numba", "scipy", "torch", "onnx",
)  # fmt: skip
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what it is about, whether it is as it should be (None: a plain fact), and what it says."""

    about: str
    name: str
    is_good: bool | None
    says: str


def findings() -> list[Finding]:
    """All there is to say, in the order to read it."""
    return [*_machine(), *_packages(), *_backends(), *_models(), *_engines(), _what_runs()]


def _machine() -> list[Finding]:
    flags = " ".join(flag for flag in _FLAGS if flag in cpu_flags())
    found = [
        Finding("machine", "python", None, f"{platform.python_version()} on {platform.platform()}"),
        Finding("machine", "cpu", None, f"{cpu_name()}, {usable_cpus()} usable, {flags or 'flags unknown'}"),
    ]
    for card in cuda_devices():
        capability = "".join(map(str, card.capability))
        says = f"{card.name}, sm{capability}, {card.memory_bytes / 2**30:.1f} GiB"
        found.append(Finding("machine", f"cuda:{card.index}", None, says))
    if not cuda_devices():
        found.append(Finding("machine", "cuda", None, "no NVIDIA card or no driver"))
    return found


def _packages() -> list[Finding]:
    own = Finding("package", "ecgdigit-rt", None, ecgdigit_rt.__version__)
    versions = ((name, installed(name)) for name in _PACKAGES)
    return [own, *(Finding("package", name, None, found) for name, found in versions if found is not None)]


def _backends() -> list[Finding]:
    found = []
    for name, backend in all_backends().items():
        answer = backend.probe()
        if isinstance(answer, Ready):
            devices = "; ".join(f"{device}: {', '.join(how)}" for device, how in answer.devices.items())
            notes = "".join(f". {note}" for note in answer.notes)
            found.append(Finding("backend", name, not answer.notes, f"ready: {devices}{notes}"))
        else:
            found.append(Finding("backend", name, None, f"not here: {answer.reason}. {answer.fix}"))
    return found


def _models() -> list[Finding]:
    try:
        whole = [load_models(precision=precision) for precision in graph_precisions()]
    except EcgDigitError as error:
        return [Finding("models", "lite", False, f"{error.message}. {error.hint}")]
    sizes = ", ".join(
        f"{family.precision} {sum(map(len, family.graphs.values())) / 1e6:.1f} MB" for family in whole
    )
    return [Finding("models", str(whole[0]), True, f"whole ({sizes})")]


def _engines() -> list[Finding]:
    store = EngineStore(engine_folder())
    found = [
        Finding("engine", one.path.name, not one.reason, one.reason or "ok") for one in engine_statuses(store)
    ]
    return found or [Finding("engine", "none", None, f"in {store.folder}")]


def _what_runs() -> Finding:
    try:
        choice = select_backend()
    except EcgDigitError as error:
        return Finding("run", "auto", False, f"{error.message}. {error.hint}")
    return Finding("run", "auto", True, f"{choice}")
