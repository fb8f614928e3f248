"""Selection of stored engines for Triton's TensorRT backend."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from ecgdigit_engine.errors import EngineMissing
from ecgdigit_engine.tensorrt.matching import graph_digest
from ecgdigit_engine.tensorrt.store import EngineStore, StoredEngine

TENSORRT = "tensorrt"


def select_plans(
    graphs: Mapping[str, bytes], store: EngineStore, target: str | None
) -> dict[str, StoredEngine]:
    """Return the newest set of engines, one per stage, with the same TensorRT version and targets.

    `graphs` contains the graph of each stage. The engine of a stage must have been built from its graph.
    `target` is a compute capability such as sm75, or None for any. Engines of tensorrt-rtx are ignored,
    because Triton does not load them. Raises EngineMissing.
    """
    by_age = sorted(store.engines(), key=attrgetter("built_at"), reverse=True)
    matching = [engine for engine in by_age if _mismatch(engine, graphs, target) == ""]
    kinds = dict.fromkeys(_version_and_targets(engine) for engine in matching)
    for kind in kinds:
        newest = {
            engine.identity.stage: engine
            for engine in reversed(matching)
            if _version_and_targets(engine) == kind
        }
        if newest.keys() >= graphs.keys():
            return {stage: newest[stage] for stage in graphs}
    raise _missing(graphs, store, by_age, target)


def _version_and_targets(engine: StoredEngine) -> tuple[str, tuple[str, ...]]:
    return engine.identity.backend_version, engine.identity.targets


def _mismatch(engine: StoredEngine, graphs: Mapping[str, bytes], target: str | None) -> str:
    """Return the reason why an engine is not usable for the graphs and the target, or an empty string."""
    identity = engine.identity
    if identity.backend != TENSORRT:
        return f"built by {identity.backend}, whose engines Triton's TensorRT backend does not load"
    if identity.stage not in graphs or identity.graph_sha256 != graph_digest(graphs[identity.stage]):
        return f"built from {identity.models} in {identity.precision}, not from the selected models"
    if target is not None and target not in identity.targets:
        return f"built for {', '.join(identity.targets)}, not for {target}"
    return ""


def _missing(
    graphs: Mapping[str, bytes], store: EngineStore, by_age: list[StoredEngine], target: str | None
) -> EngineMissing:
    """Return the error for the first stage without a matching engine.

    If each stage has one, the error states that these engines differ in their versions or targets.
    """
    mismatches = {
        stage: [_mismatch(engine, graphs, target) for engine in by_age if engine.identity.stage == stage]
        for stage in graphs
    }
    stage = next((stage for stage, reasons in mismatches.items() if "" not in reasons), next(iter(graphs)))
    reason = mismatches[stage][0] if mismatches[stage] else ""
    if mismatches[stage] and reason == "":
        reason = "its engine and those of the other stages have different versions or targets"
    command = (
        "on the server's GPU, with the TensorRT version of its Triton: "
        "ecgdigit-rt build-engines --backend tensorrt"
    )
    return EngineMissing(stage, store.folder, command, reason)
