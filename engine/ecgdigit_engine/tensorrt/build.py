"""One stage's graph → a serialized TensorRT engine.

`tensorrt` and `tensorrt-rtx` speak one API under two module names. The graph's own types are kept (a
strongly typed network): export has decided and proven where FP16 is enough.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ecgdigit_engine.errors import EngineBuildFailed
from ecgdigit_engine.spec import Axis, StageSpec
from ecgdigit_engine.tensorrt.profile import profile_shapes
from ecgdigit_engine.tensorrt.target import Target

MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
"""The import name of each package."""


def module_of(backend: str) -> Any:
    """The package's module, imported now: that loads hundreds of megabytes of libraries."""
    return importlib.import_module(MODULES[backend])


@cache
def logger_of(backend: str) -> Any:
    """The one logger that TensorRT allows a process; it keeps what was said of errors in `said`."""
    trt = module_of(backend)

    class Listener(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.said.append(text)

    return Listener()


def build_engine(
    backend: str,
    graph: bytes,
    spec: StageSpec,
    axes: Sequence[Axis],
    targets: Sequence[Target],
    timing_cache: Path | None = None,
) -> bytes:
    """Build. Of the targets several fit one engine, when all are compiled ahead. Raises EngineBuildFailed."""
    trt, listener = module_of(backend), logger_of(backend)
    listener.said.clear()
    names = ", ".join(map(str, targets))
    builder = trt.Builder(listener)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, listener)
    if not parser.parse(graph):
        said = [parser.get_error(k).desc() for k in range(parser.num_errors)]
        raise EngineBuildFailed(spec.stage, names, said)
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for port in spec.inputs:
        profile.set_shape(port.name, *profile_shapes(port, tuple(axes)))
    config.add_optimization_profile(profile)
    if targets[0].ahead:
        config.num_compute_capabilities = len(targets)
        for place, target in enumerate(targets):
            config.set_compute_capability(getattr(trt.ComputeCapability, str(target).upper()), place)
    cached = None if timing_cache is None else _timing_cache(config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineBuildFailed(spec.stage, names, listener.said)
    if timing_cache is not None and cached is not None:
        timing_cache.write_bytes(bytes(cached.serialize()))
    return bytes(plan)


def _timing_cache(config: Any, path: Path) -> Any:
    cached = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    config.set_timing_cache(cached, ignore_mismatch=False)
    return cached
