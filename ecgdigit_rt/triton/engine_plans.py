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
    """Return one engine per stage, all of one TensorRT version and one target: the newest such set.

    `graphs` holds the graph of each stage from which its engine must have been built. `target` is a compute
    capability such as sm75, or None for any. Raises EngineMissing. Engines of tensorrt-rtx do not match,
    since Triton does not load them.
    """
    by_age = sorted(store.engines(), key=attrgetter("built_at"), reverse=True)
    matching = [engine for engine in by_age if _mismatch(engine, graphs, target) == ""]
    kinds = dict.fromkeys((one.identity.backend_version, one.identity.targets) for one in matching)
    for kind in kinds:
        newest = {
            one.identity.stage: one
            for one in reversed(matching)
            if (one.identity.backend_version, one.identity.targets) == kind
        }
        if newest.keys() >= graphs.keys():
            return {stage: newest[stage] for stage in graphs}
    raise _missing(graphs, store, by_age, target)


def _mismatch(engine: StoredEngine, graphs: Mapping[str, bytes], target: str | None) -> str:
    """Return why Triton cannot use this engine, empty if it can."""
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
    """Return the error for the first stage without an engine, or for engines that do not form a set."""
    mismatches = {
        stage: [_mismatch(one, graphs, target) for one in by_age if one.identity.stage == stage]
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
