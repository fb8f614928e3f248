"""Triton's model repository: the whole pipeline as one model, and each stage as one of its own."""

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
from ecgdigit_engine.triton.model_config import FORMS, VERSION, Instances, ModelConfig, stage_config
from ecgdigit_rt import __version__
from ecgdigit_rt.layout.catalog import plan_from_text
from ecgdigit_rt.models import ModelFamily, load_models
from ecgdigit_rt.triton.atomic_folder import MANIFEST, write_folder_atomically
from ecgdigit_rt.triton.engine_plans import TENSORRT, plans_for
from ecgdigit_rt.triton.page_service import Page
from ecgdigit_rt.triton.ports import INPUTS, OPTIONAL, OUTPUTS
from ecgdigit_rt.triton.python_model import STAGE_MODELS
from ecgdigit_rt.triton.repository_readme import readme

PIPELINE = "ecgdigit"
IN_PROCESS, THROUGH_STAGES = NETWORKS = ("in-process", "stage-models")
"""Where `ecgdigit` runs its networks: in its own process, or as the stage models of the same server."""

_QUEUE = 64
"""Requests that may wait for `ecgdigit`; a page takes tenths of a second, so these are many seconds."""

_MODEL_PY = '''\
"""Triton's entry to ecgdigit-rt, which must be installed in the environment of this model."""

from ecgdigit_rt.triton.python_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''


@dataclass(frozen=True, slots=True)
class RepositoryRequest:
    """What to write.

    backend: onnxruntime or tensorrt, for the stage models. device: cpu or cuda:N, for all. instances: of
    `ecgdigit`. threads: CPU threads of each, None for an equal share of those that the server has. batch:
    images that go together at most. networks: of `NETWORKS`, or auto: in process on the CPU, on a card as
    stage models. page: what holds for images of which nothing is told. environment: a packed environment or
    the folder of one, for EXECUTION_ENV_PATH. engines: what build-engines wrote; target: whose engines.
    """

    models: str = "lite"
    backend: str = "onnxruntime"
    device: str = AUTO
    precision: str = AUTO
    instances: int = 1
    threads: int | None = None
    batch: int = 8
    networks: str = AUTO
    page: Page = field(default_factory=Page)
    environment: str | None = None
    engines: Path | None = None
    target: str | None = None

    @property
    def on(self) -> Device:
        """The device. Raises UnknownChoice and BackendUnusable."""
        if self.backend not in FORMS:
            raise UnknownChoice("backend of Triton's", self.backend, tuple(FORMS))
        wanted = device_from_text(self.device)
        if self.backend != TENSORRT:
            return wanted or CPU
        if wanted == CPU:
            raise BackendUnusable("tensorrt on cpu", "it runs on NVIDIA cards alone", "Use --device cuda:0.")
        return wanted or Device("cuda", 0)

    @property
    def runs_networks(self) -> str:
        """Of `NETWORKS`. Raises UnknownChoice."""
        if self.networks not in (AUTO, *NETWORKS):
            raise UnknownChoice("place of the networks", self.networks, (AUTO, *NETWORKS))
        if self.networks != AUTO:
            return self.networks
        return IN_PROCESS if self.on == CPU else THROUGH_STAGES


def write_repository(order: RepositoryRequest, out: Path, *, overwrite: bool = False) -> list[str]:
    """Write the repository as a whole or not at all, and give the names of its models.

    A folder that is there must be empty; one that this wrote before is replaced where `overwrite` is given.
    Raises UnknownChoice, LayoutNotUnderstood, RequestMalformed, BackendUnusable, ModelMissing, ModelCorrupt,
    EngineMissing, EngineCorrupt and OutputNotWritable.
    """
    order.page.check()
    if order.page.layout is not None:
        plan_from_text(order.page.layout)
    family = load_models(order.models, precision=_graph_precision(order))
    pipeline = _pipeline(order)
    files = {f"{PIPELINE}/{VERSION}/model.py": _MODEL_PY.encode()}
    files |= {f"{PIPELINE}/config.pbtxt": pipeline.text.encode()}
    files |= _stage_files(order, family)
    facts = {"software": f"ecgdigit-rt {__version__}", "models": str(family), "backend": order.backend}
    facts |= {"device": str(order.on), "precision": family.precision, "networks": order.runs_networks}
    files["README.md"] = readme(pipeline, facts, order.environment).encode()
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    files[MANIFEST] = (json.dumps({**facts, "sha256": digests}, indent=1) + "\n").encode()
    write_folder_atomically(out, files, overwrite=overwrite)
    return sorted({name.split("/")[0] for name in files if "/" in name})


def _graph_precision(order: RepositoryRequest) -> str:
    if order.precision == AUTO:
        return "fp32" if order.on == CPU else "fp16"
    if order.precision not in PRECISIONS:
        raise UnknownChoice("precision", order.precision, (AUTO, *PRECISIONS))
    return graph_precision(order.precision)


def _pipeline(order: RepositoryRequest) -> ModelConfig:
    """`ecgdigit` itself: on the CPU, whatever device its networks run on."""
    page = order.page
    parameters = {
        "models": order.models,
        "networks": order.runs_networks,
        "backend": AUTO,
        "device": str(order.on),
        "precision": order.precision,
        "threads": str(order.threads or 0),
        "layout": page.layout or "",
        "speed_mm_s": "" if page.speed_mm_s is None else f"{page.speed_mm_s:g}",
        "gain_mm_mv": "" if page.gain_mm_mv is None else f"{page.gain_mm_mv:g}",
    }
    if order.environment is not None:
        parameters["EXECUTION_ENV_PATH"] = order.environment
    instances = Instances(order.instances)
    return ModelConfig(
        PIPELINE, ("backend", "python"), order.batch, INPUTS, OUTPUTS, instances, OPTIONAL, parameters, _QUEUE
    )


def _stage_files(order: RepositoryRequest, family: ModelFamily) -> dict[str, bytes]:
    """Every stage's configuration, and its graph or its engine."""
    stored: Mapping[str, bytes] = family.graphs
    axes: dict[str, tuple[Axis, ...]] = {}
    about = {stage: {"made_from": str(family), "precision": family.precision} for stage in stored}
    if order.backend == TENSORRT:
        store = EngineStore(order.engines or engine_folder())
        plans = plans_for(family.graphs, store, order.target)
        stored = {stage: plan.read() for stage, plan in plans.items()}
        axes = {stage: plan.papers.axes for stage, plan in plans.items()}
        for stage, plan in plans.items():
            about[stage]["tensorrt"] = plan.papers.backend_version
            about[stage]["target"] = ", ".join(plan.papers.targets)
    files = {}
    for stage, graph in family.graphs.items():
        spec, model = spec_from_graph(graph), STAGE_MODELS[stage]
        parameters = about[stage] | _threads_of(order)
        instances = Instances(1, None if order.on == CPU else order.on.index)
        config = stage_config(model, spec, axes.get(stage, spec.axes), order.backend, instances, parameters)
        files[f"{model}/config.pbtxt"] = config.text.encode()
        files[f"{model}/{VERSION}/{FORMS[order.backend].file_name}"] = stored[stage]
    return files


def _threads_of(order: RepositoryRequest) -> dict[str, str]:
    """ONNX Runtime's own parameter, where threads were named."""
    if order.threads is None or order.on != CPU:
        return {}
    return {"intra_op_thread_count": str(order.threads)}
