"""The engines that Triton's TensorRT backend is to load: found in the store, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from ecgdigit_engine.errors import EngineMissing
from ecgdigit_engine.tensorrt.matching import graph_digest
from ecgdigit_engine.tensorrt.store import EngineStore, StoredEngine

TENSORRT = "tensorrt"


def plans_for(graphs: Mapping[str, bytes], store: EngineStore, target: str | None) -> dict[str, StoredEngine]:
    """One engine a stage, all by one version of TensorRT and for one target; the newest such set.

    graphs: by stage, those that the engines must be built from. target: such as sm75, or None for any.
    Raises EngineMissing; an engine of tensorrt-rtx is none, since Triton does not load it.
    """
    built = sorted(store.engines(), key=attrgetter("built_at"), reverse=True)
    fitting = [one for one in built if _reason(one, graphs, target) == ""]
    for kind in dict.fromkeys((one.papers.backend_version, one.papers.targets) for one in fitting):
        found = {
            one.papers.stage: one
            for one in reversed(fitting)
            if (one.papers.backend_version, one.papers.targets) == kind
        }
        if found.keys() >= graphs.keys():
            return {stage: found[stage] for stage in graphs}
    raise _missing(graphs, store, built, target)


def _reason(engine: StoredEngine, graphs: Mapping[str, bytes], target: str | None) -> str:
    """Why Triton cannot be given this engine; nothing where it can."""
    papers = engine.papers
    if papers.backend != TENSORRT:
        return f"built by {papers.backend}, whose engines Triton's TensorRT backend does not load"
    if papers.stage not in graphs or papers.graph_sha256 != graph_digest(graphs[papers.stage]):
        return f"built from {papers.models} in {papers.precision}, which are not the models at hand"
    if target is not None and target not in papers.targets:
        return f"built for {', '.join(papers.targets)}, asked for {target}"
    return ""


def _missing(
    graphs: Mapping[str, bytes], store: EngineStore, built: list[StoredEngine], target: str | None
) -> EngineMissing:
    reasons = {
        stage: [_reason(one, graphs, target) for one in built if one.papers.stage == stage]
        for stage in graphs
    }
    stage = next((stage for stage, said in reasons.items() if "" not in said), next(iter(graphs)))
    said = reasons[stage][0] if reasons[stage] else ""
    fallback = "its engine and the others' are of different versions or targets" if said == "" else said
    why = fallback if reasons[stage] else ""
    command = (
        "on the server's card, with the version of TensorRT that its Triton has: "
        "ecgdigit-rt build-engines --backend tensorrt"
    )
    return EngineMissing(stage, store.folder, command, why)
