"""Triton model repository: one model for the whole pipeline, and a separate model for each stage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ecgdigit_engine.backends.backend import PRECISIONS, graph_precision
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.device import CPU, Device, device_from_text
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice
from ecgdigit_engine.selection import AUTO
from ecgdigit_engine.spec import Axis
from ecgdigit_engine.tensorrt.store import EngineStore, engine_folder
from ecgdigit_engine.triton.model_config import MODEL_FORMATS, VERSION, Instances, ModelConfig, stage_config
from ecgdigit_rt import __version__
from ecgdigit_rt.layout.catalog import plan_from_text
from ecgdigit_rt.models import ModelFamily, load_models
from ecgdigit_rt.triton.atomic_folder import MANIFEST, write_folder_atomically
from ecgdigit_rt.triton.engine_plans import TENSORRT, select_plans
from ecgdigit_rt.triton.page_service import PageOptions
from ecgdigit_rt.triton.ports import INPUTS, OPTIONAL, OUTPUTS
from ecgdigit_rt.triton.python_model import STAGE_MODELS
from ecgdigit_rt.triton.repository_readme import repository_readme

PIPELINE = "ecgdigit"
IN_PROCESS, STAGE_MODELS_MODE = NETWORK_MODES = ("in-process", "stage-models")
"""Where the networks run for `ecgdigit`: in its own process, or as stage models of the same server."""

_QUEUE_SIZE = 64
"""Maximum number of requests that wait for `ecgdigit`. Hand-picked, not tuned: a page takes a few tenths of a
second."""

_MODEL_PY = '''\
"""Entry point of the Triton model. ecgdigit-rt must be installed in the model's Python environment."""

from ecgdigit_rt.triton.python_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''


@dataclass(frozen=True, slots=True)
class RepositoryRequest:
    """Settings of a model repository.

    - `models` is the name of the model family.
    - `backend` runs the stage models: onnxruntime or tensorrt.
    - `device` runs the networks of all models: auto, cpu or cuda:N.
    - `precision` is the precision of all networks. With auto, the stage models use fp32 on the CPU and fp16
      on a GPU. If `ecgdigit` runs the networks in-process, it then selects the precision itself.
    - `instances` is the number of instances of `ecgdigit`.
    - `threads` is the number of CPU threads of each instance. None divides the CPUs equally.
    - `batch` is the maximum number of images per batch of `ecgdigit`.
    - `networks` is one of `NETWORK_MODES`, or auto: in-process on the CPU, stage-models on a GPU.
    - `page` contains the options of images that do not specify them.
    - `environment` is a packed Python environment or its folder, for EXECUTION_ENV_PATH.
    - `engines` is the folder that `build-engines` wrote.
    - `target` is the compute capability of the engines to use.
    """

    models: str = "lite"
    backend: str = "onnxruntime"
    device: str = AUTO
    precision: str = AUTO
    instances: int = 1
    threads: int | None = None
    batch: int = 8
    networks: str = AUTO
    page: PageOptions = field(default_factory=PageOptions)
    environment: str | None = None
    engines: Path | None = None
    target: str | None = None

    @property
    def target_device(self) -> Device:
        """Device of the networks. Raises UnknownChoice or BackendUnusable."""
        if self.backend not in MODEL_FORMATS:
            raise UnknownChoice("Triton backend", self.backend, tuple(MODEL_FORMATS))
        specified = device_from_text(self.device)
        if self.backend != TENSORRT:
            return specified or CPU
        if specified == CPU:
            raise BackendUnusable("tensorrt on cpu", "it requires an NVIDIA GPU", "Pass --device cuda:0.")
        return specified or Device("cuda", 0)

    @property
    def network_mode(self) -> str:
        """One of `NETWORK_MODES`. If `networks` is auto, the device determines it. Raises UnknownChoice."""
        if self.networks not in (AUTO, *NETWORK_MODES):
            raise UnknownChoice("network mode", self.networks, (AUTO, *NETWORK_MODES))
        if self.networks != AUTO:
            return self.networks
        return IN_PROCESS if self.target_device == CPU else STAGE_MODELS_MODE


def write_repository(request: RepositoryRequest, out: Path, *, overwrite: bool = False) -> list[str]:
    """Write the repository atomically, and return the names of its models.

    An existing folder must be empty. With `overwrite`, it may also be one that this function wrote. Raises
    UnknownChoice, InvalidLayout, RequestMalformed, BackendUnusable, ModelMissing, ModelCorrupt,
    EngineMissing, EngineCorrupt or OutputNotWritable.
    """
    request.page.check()
    if request.page.layout is not None:
        plan_from_text(request.page.layout)
    family = load_models(request.models, precision=_graph_precision(request))
    pipeline = _pipeline_config(request)
    files = {f"{PIPELINE}/{VERSION}/model.py": _MODEL_PY.encode()}
    files |= {f"{PIPELINE}/config.pbtxt": pipeline.text.encode()}
    files |= _stage_files(request, family)
    metadata = {"software": f"ecgdigit-rt {__version__}", "models": str(family), "backend": request.backend}
    metadata |= {"device": str(request.target_device), "precision": family.precision}
    metadata |= {"networks": request.network_mode}
    files["README.md"] = repository_readme(pipeline, metadata, request.environment).encode()
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    files[MANIFEST] = (json.dumps({**metadata, "sha256": digests}, indent=1) + "\n").encode()
    write_folder_atomically(out, files, overwrite=overwrite)
    return sorted({name.split("/")[0] for name in files if "/" in name})


def _graph_precision(request: RepositoryRequest) -> str:
    if request.precision == AUTO:
        return "fp32" if request.target_device == CPU else "fp16"
    if request.precision not in PRECISIONS:
        raise UnknownChoice("precision", request.precision, (AUTO, *PRECISIONS))
    return graph_precision(request.precision)


def _pipeline_config(request: RepositoryRequest) -> ModelConfig:
    """Return the configuration of `ecgdigit`, which runs on the CPU even if its networks use a GPU."""
    page = request.page
    parameters = {
        "models": request.models,
        "networks": request.network_mode,
        "backend": AUTO,
        "device": str(request.target_device),
        "precision": request.precision,
        "threads": str(request.threads or 0),
        "layout": page.layout or "",
        "speed_mm_s": "" if page.speed_mm_s is None else f"{page.speed_mm_s:g}",
        "gain_mm_mv": "" if page.gain_mm_mv is None else f"{page.gain_mm_mv:g}",
    }
    if request.environment is not None:
        parameters["EXECUTION_ENV_PATH"] = request.environment
    return ModelConfig(
        PIPELINE,
        ("backend", "python"),
        request.batch,
        INPUTS,
        OUTPUTS,
        Instances(request.instances),
        OPTIONAL,
        parameters,
        _QUEUE_SIZE,
    )


def _stage_files(request: RepositoryRequest, family: ModelFamily) -> dict[str, bytes]:
    """Return the files of the stage models: the configuration and the graph or engine of each stage."""
    stored: Mapping[str, bytes] = family.graphs
    axes: dict[str, tuple[Axis, ...]] = {}
    metadata = {stage: {"models": str(family), "precision": family.precision} for stage in stored}
    if request.backend == TENSORRT:
        store = EngineStore(request.engines or engine_folder())
        plans = select_plans(family.graphs, store, request.target)
        stored = {stage: plan.read() for stage, plan in plans.items()}
        axes = {stage: plan.identity.axes for stage, plan in plans.items()}
        for stage, plan in plans.items():
            metadata[stage]["tensorrt"] = plan.identity.backend_version
            metadata[stage]["target"] = ", ".join(plan.identity.targets)
    device = request.target_device
    files = {}
    for stage, graph in family.graphs.items():
        spec, model = spec_from_graph(graph), STAGE_MODELS[stage]
        parameters = metadata[stage] | _thread_parameters(request)
        instances = Instances(1, None if device == CPU else device.index)
        config = stage_config(model, spec, axes.get(stage, spec.axes), request.backend, instances, parameters)
        files[f"{model}/config.pbtxt"] = config.text.encode()
        files[f"{model}/{VERSION}/{MODEL_FORMATS[request.backend].file_name}"] = stored[stage]
    return files


def _thread_parameters(request: RepositoryRequest) -> dict[str, str]:
    """Return ONNX Runtime's parameter for the number of threads, if specified and if the device is a CPU."""
    if request.threads is None or request.target_device != CPU:
        return {}
    return {"intra_op_thread_count": str(request.threads)}
