"""Which engine fits what runs here, and in words why the others do not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ecgdigit_engine.tensorrt.store import StoredEngine


def graph_digest(graph: bytes) -> str:
    return hashlib.sha256(graph).hexdigest()


def mismatch_reason(
    engine: StoredEngine, graph_sha256: str, backend: str, backend_version: str, capability: tuple[int, int]
) -> str | None:
    """Why this engine does not run the graph on this backend and card; None where it does."""
    papers, card = engine.papers, f"sm{capability[0]}{capability[1]}"
    if papers.backend != backend:
        return f"built for {papers.backend}, asked for {backend}"
    if papers.backend_version != backend_version:
        return f"built for {papers.backend} {papers.backend_version}, found {backend_version}"
    if papers.graph_sha256 != graph_sha256:
        return f"built from {papers.models}, which is not the model at hand"
    if card not in papers.targets:
        return f"built for {', '.join(papers.targets)}, this card is {card}"
    return None


def matching_engine(
    engines: Iterable[StoredEngine],
    stage: str,
    graph_sha256: str,
    backend: str,
    backend_version: str,
    capability: tuple[int, int],
) -> tuple[StoredEngine | None, str]:
    """The newest engine of a stage that fits, or None and why the newest of the others does not."""
    reason = ""
    for engine in sorted(engines, key=lambda one: one.built_at, reverse=True):
        if engine.papers.stage != stage:
            continue
        why = mismatch_reason(engine, graph_sha256, backend, backend_version, capability)
        if why is None:
            return engine, ""
        reason = reason or why
    return None, reason
