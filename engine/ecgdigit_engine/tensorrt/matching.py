"""Selection of a stored engine, and the reasons why other engines do not match."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ecgdigit_engine.tensorrt.store import StoredEngine


def graph_digest(graph: bytes) -> str:
    """Return the SHA-256 digest of a graph in hexadecimal."""
    return hashlib.sha256(graph).hexdigest()


def mismatch_reason(
    engine: StoredEngine, graph_sha256: str, backend: str, backend_version: str, capability: tuple[int, int]
) -> str | None:
    """Return the reason why an engine does not match a graph, backend and GPU, or None if it matches."""
    identity, gpu_target = engine.identity, f"sm{capability[0]}{capability[1]}"
    if identity.backend != backend:
        return f"built for {identity.backend}, but {backend} is requested"
    if identity.backend_version != backend_version:
        return f"built for {identity.backend} {identity.backend_version}, but {backend_version} is installed"
    if identity.graph_sha256 != graph_sha256:
        return f"built from {identity.models}, which is not the model in use"
    if gpu_target not in identity.targets:
        return f"built for {', '.join(identity.targets)}, but this GPU is {gpu_target}"
    return None


def matching_engine(
    engines: Iterable[StoredEngine],
    stage: str,
    graph_sha256: str,
    backend: str,
    backend_version: str,
    capability: tuple[int, int],
) -> tuple[StoredEngine | None, str]:
    """Return the newest matching engine of a stage, and an empty reason.

    If no engine matches, return None, and the reason why the newest engine of the stage does not match. The
    reason is empty if the stage has no engine.
    """
    first_reason = ""
    for engine in sorted(engines, key=lambda engine: engine.built_at, reverse=True):
        if engine.identity.stage != stage:
            continue
        reason = mismatch_reason(engine, graph_sha256, backend, backend_version, capability)
        if reason is None:
            return engine, ""
        first_reason = first_reason or reason
    return None, first_reason
