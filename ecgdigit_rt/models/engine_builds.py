"""Building of TensorRT engines for a model family, and the status of stored engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ecgdigit_engine.backends.backend import installed_version
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice
from ecgdigit_engine.tensorrt.build import MODULES, build_engine
from ecgdigit_engine.tensorrt.matching import graph_digest
from ecgdigit_engine.tensorrt.profile import Sizes, resize_axes
from ecgdigit_engine.tensorrt.store import EngineIdentity, EngineStore, StoredEngine
from ecgdigit_engine.tensorrt.target import (
    LOCAL,
    OTHER_BACKENDS,
    Target,
    is_supported_by_rtx,
    targets_from_texts,
)
from ecgdigit_rt.models import ModelFamily, load_models, load_sampler
from ecgdigit_rt.stages import SAMPLER

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class EngineBuildRequest:
    """Options of `build_engines`.

    `models` is the name or path of a model family. `targets` contains `local` for the GPU of this machine
    with index `gpu`, or names of GPU architectures such as sm75. One engine is built for all targets
    together. `backend` is `tensorrt`, `tensorrt-rtx`, or `auto` for an installed package that can build for
    the targets.
    """

    models: str = "lite"
    backend: str = AUTO
    targets: tuple[str, ...] = (LOCAL,)
    precision: str = "fp16"
    sizes: Sizes = field(default_factory=Sizes)
    gpu: int = 0


@dataclass(frozen=True, slots=True)
class EngineBuildResult:
    """Engine of one stage. `is_new` is false if the store already contained this engine."""

    engine: StoredEngine
    is_new: bool


def select_builder(backend: str, targets: Sequence[Target]) -> tuple[str, str]:
    """Return the name and the installed version of the package that builds engines for the targets.

    For the GPU of this machine, `auto` prefers tensorrt, because it tunes engines on this GPU. Only
    tensorrt-rtx can build engines for other GPUs, and it does not support all GPUs. Raises UnknownChoice or
    BackendUnusable.
    """
    if backend not in (AUTO, *MODULES):
        raise UnknownChoice("engine builder", backend, (AUTO, *MODULES))
    is_aot = any(target.is_aot for target in targets)
    if backend == "tensorrt" and is_aot:
        fix = "Use --backend tensorrt-rtx, or --target local on a machine with such a GPU."
        raise BackendUnusable("tensorrt", "it builds only for the GPU of this machine", fix)
    unsupported = [target for target in targets if not is_supported_by_rtx(target.capability)]
    if unsupported and (is_aot or backend == "tensorrt-rtx"):
        reason = f"tensorrt-rtx does not support {', '.join(map(str, unsupported))}"
        raise BackendUnusable("build-engines", reason, OTHER_BACKENDS)
    names = [name for name in MODULES if backend in (AUTO, name) and not (is_aot and name == "tensorrt")]
    if unsupported:
        names.remove("tensorrt-rtx")
    for name in names:
        version = installed_version(name)
        if version is not None:
            return name, version
    reason = f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} not installed"
    fix = f"pip install {names[-1]}"
    if unsupported:
        reason += f", and tensorrt-rtx does not support {', '.join(map(str, unsupported))}"
        fix = OTHER_BACKENDS
    raise BackendUnusable("build-engines", reason, fix)


def build_engines(
    request: EngineBuildRequest, store: EngineStore, on_stage: Callable[[str], None] = lambda _: None
) -> list[EngineBuildResult]:
    """Build an engine for each stage and for the sampler, unless the store already contains an intact one.

    `on_stage` is called with the name of the stage or of the sampler before its engine is searched or built.
    Raises UnknownChoice, BackendUnusable, ModelMissing, ModelCorrupt or EngineBuildFailed.
    """
    targets = targets_from_texts(request.targets, request.gpu)
    builder = select_builder(request.backend, targets)
    family = load_models(request.models, precision=request.precision)
    results = []
    for stage, graph in {**family.graphs, SAMPLER: load_sampler(request.models)}.items():
        on_stage(stage)
        results.append(_find_or_build(family, stage, graph, request, targets, builder, store))
    return results


def _find_or_build(
    family: ModelFamily,
    stage: str,
    graph: bytes,
    request: EngineBuildRequest,
    targets: Sequence[Target],
    builder: tuple[str, str],
    store: EngineStore,
) -> EngineBuildResult:
    spec = spec_from_graph(graph)
    identity = EngineIdentity(
        stage=stage,
        models=str(family),
        graph_sha256=graph_digest(graph),
        precision=family.precision,  # the sampler is stored with the precision of the networks
        backend=builder[0],
        backend_version=builder[1],
        targets=tuple(map(str, targets)),
        axes=resize_axes(spec, request.sizes),
        flags=("strongly-typed",),
    )
    with store.lock(identity):
        stored = store.find(identity)
        if stored is not None and stored.is_intact:
            return EngineBuildResult(stored, is_new=False)
        cache = store.folder / f"{identity.targets[0]}.timing" if builder[0] == "tensorrt" else None
        started = time.perf_counter()
        data = build_engine(builder[0], graph, spec, identity.axes, targets, cache)
        seconds = time.perf_counter() - started
        built_at = datetime.now(UTC).isoformat(timespec="seconds")
        return EngineBuildResult(store.publish(identity, data, seconds, built_at), is_new=True)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Status of a stored engine.

    `reason` describes why the engine cannot be used, and is empty if it can. `is_broken` is true if files of
    the engine are damaged or missing. `engine` is None in this case.
    """

    path: Path
    engine: StoredEngine | None
    reason: str
    is_broken: bool = False


def engine_statuses(store: EngineStore) -> list[EngineStatus]:
    """Return the status of each engine of a store.

    An engine can be used if it is intact and matches the installed packages and models. Raises ModelCorrupt
    if the model family of an engine is damaged.
    """
    broken = {path.stem: path for path in store.find_broken()}
    statuses = [EngineStatus(path, None, "damaged or incomplete", is_broken=True) for path in broken.values()]
    for engine in store.engines():
        if engine.path.stem not in broken:
            statuses.append(EngineStatus(engine.path, engine, _stale_reason(engine)))
    return statuses


def _stale_reason(engine: StoredEngine) -> str:
    """Return why an intact engine cannot be used, or an empty string if it can."""
    identity = engine.identity
    version = installed_version(identity.backend)
    if version is None:
        return f"{identity.backend} is not installed"
    if version != identity.backend_version:
        return f"built for {identity.backend} {identity.backend_version}, but {version} is installed"
    name = identity.models.split()[0]
    try:
        family = load_models(name, precision=identity.precision)
        graph = load_sampler(name) if identity.stage == SAMPLER else family.graphs[identity.stage]
    except FileNotFoundError:
        return f"the models {name} are not installed"
    if graph_digest(graph) != identity.graph_sha256:
        return f"built from {identity.models}, but {family} is installed"
    return ""
