"""A family of models as TensorRT engines: what is built, what is there already, and what is stale."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ecgdigit_engine.backends.backend import installed
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice
from ecgdigit_engine.tensorrt.build import MODULES, build_engine
from ecgdigit_engine.tensorrt.matching import graph_digest
from ecgdigit_engine.tensorrt.profile import Sizes, axes_with
from ecgdigit_engine.tensorrt.store import EngineIdentity, EngineStore, StoredEngine
from ecgdigit_engine.tensorrt.target import LOCAL, Target, targets_from_texts
from ecgdigit_rt.models import ModelFamily, load_models, load_sampler
from ecgdigit_rt.stages import SAMPLER

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class EngineBuildRequest:
    """What to build. targets: `local`, or names such as sm75; several in one engine where it can be.

    backend: tensorrt, tensorrt-rtx, or auto: the one that is installed and can build for the targets.
    """

    models: str = "lite"
    backend: str = AUTO
    targets: tuple[str, ...] = (LOCAL,)
    precision: str = "fp16"
    sizes: Sizes = field(default_factory=Sizes)


@dataclass(frozen=True, slots=True)
class EngineBuildResult:
    """One stage's engine; fresh: built now, and not found built from the same."""

    engine: StoredEngine
    fresh: bool


def builder_for(backend: str, targets: Sequence[Target]) -> tuple[str, str]:
    """The package that builds, and its version. Raises UnknownChoice and BackendUnusable.

    Without a card only tensorrt-rtx can build; with one, tensorrt's engines are tuned on it.
    """
    if backend not in (AUTO, *MODULES):
        raise UnknownChoice("engine builder", backend, (AUTO, *MODULES))
    ahead = any(target.ahead for target in targets)
    if backend == "tensorrt" and ahead:
        fix = "Use --backend tensorrt-rtx, or --target local on a machine that has such a card."
        raise BackendUnusable("tensorrt", "it builds for the card at hand alone", fix)
    names = [name for name in MODULES if backend in (AUTO, name) and not (ahead and name == "tensorrt")]
    for name in names:
        found = installed(name)
        if found is not None:
            return name, found
    reason = f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} not installed"
    raise BackendUnusable("build-engines", reason, f"pip install {names[-1]}")


def build_engines(
    order: EngineBuildRequest, store: EngineStore, on_stage: Callable[[str], None] = lambda _: None
) -> list[EngineBuildResult]:
    """One engine per stage, and one of the sampler, in `store`, built unless it is there.

    on_stage is told what is being built. Raises UnknownChoice, BackendUnusable, ModelMissing and
    EngineBuildFailed.
    """
    targets = targets_from_texts(order.targets)
    backend, backend_version = builder_for(order.backend, targets)
    family = load_models(order.models, precision=order.precision)
    done = []
    for stage, graph in {**family.graphs, SAMPLER: load_sampler(order.models)}.items():
        on_stage(stage)
        done.append(_engine(family, stage, graph, order, targets, (backend, backend_version), store))
    return done


def _engine(
    family: ModelFamily,
    stage: str,
    graph: bytes,
    order: EngineBuildRequest,
    targets: Sequence[Target],
    builder: tuple[str, str],
    store: EngineStore,
) -> EngineBuildResult:
    spec = spec_from_graph(graph)
    papers = EngineIdentity(
        stage=stage,
        models=str(family),
        graph_sha256=graph_digest(graph),
        precision=family.precision,  # the sampler, which has none, belongs to what it was built with
        backend=builder[0],
        backend_version=builder[1],
        targets=tuple(map(str, targets)),
        axes=axes_with(spec, order.sizes),
        flags=("strongly-typed",),
    )
    with store.locked(papers):
        there = store.find(papers)
        if there is not None and there.is_whole:
            return EngineBuildResult(there, fresh=False)
        cache = store.folder / f"{papers.targets[0]}.timing" if builder[0] == "tensorrt" else None
        started = time.perf_counter()
        data = build_engine(builder[0], graph, spec, papers.axes, targets, cache)
        seconds = time.perf_counter() - started
        built_at = datetime.now(UTC).isoformat(timespec="seconds")
        return EngineBuildResult(store.publish(papers, data, seconds, built_at), fresh=True)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What is wrong with a stored engine; nothing where `reason` is empty."""

    path: Path
    engine: StoredEngine | None
    reason: str
    is_broken: bool = False


def engine_statuses(store: EngineStore) -> list[EngineStatus]:
    """Every engine of a store, whether it is whole, and whether it fits what is installed."""
    broken = {path.stem: path for path in store.broken()}
    found = [EngineStatus(path, None, "damaged or incomplete", is_broken=True) for path in broken.values()]
    for engine in store.engines():
        if engine.path.stem not in broken:
            found.append(EngineStatus(engine.path, engine, _stale_reason(engine)))
    return found


def _stale_reason(engine: StoredEngine) -> str:
    papers = engine.papers
    version = installed(papers.backend)
    if version is None:
        return f"{papers.backend} is not installed"
    if version != papers.backend_version:
        return f"built for {papers.backend} {papers.backend_version}, found {version}"
    name = papers.models.split()[0]
    try:
        family = load_models(name, precision=papers.precision)
        graph = load_sampler(name) if papers.stage == SAMPLER else family.graphs[papers.stage]
    except FileNotFoundError:
        return f"the models {name} are not installed"
    if graph_digest(graph) != papers.graph_sha256:
        return f"built from {papers.models}, installed is {family}"
    return ""
