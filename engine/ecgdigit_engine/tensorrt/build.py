"""Build of a TensorRT engine from the graph of a stage.

`tensorrt` and `tensorrt-rtx` have the same API under two module names. The network is strongly typed:
TensorRT uses exactly the types of the graph, whose accuracy the export has verified.
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
"""Import name of each package."""


def tensorrt_module(backend: str) -> Any:
    """Import and return the module of a package. The import loads libraries of hundreds of megabytes."""
    return importlib.import_module(MODULES[backend])


@cache
def tensorrt_logger(backend: str) -> Any:
    """Return the logger of TensorRT in this process. TensorRT allows only one.

    The logger collects error messages in `messages`.
    """
    trt = tensorrt_module(backend)

    class ErrorLogger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.messages: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.messages.append(text)

    return ErrorLogger()


def build_engine(
    backend: str,
    graph: bytes,
    spec: StageSpec,
    axes: Sequence[Axis],
    targets: Sequence[Target],
    timing_cache: Path | None = None,
) -> bytes:
    """Return a serialized engine of `graph` for the sizes of `axes`.

    An engine can have several targets only if it is compiled ahead of time. The file `timing_cache` is read
    if it exists, and written after the build. Raises EngineBuildFailed.
    """
    trt, logger = tensorrt_module(backend), tensorrt_logger(backend)
    logger.messages.clear()
    target_names = ", ".join(map(str, targets))
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        messages = [parser.get_error(k).desc() for k in range(parser.num_errors)]
        raise EngineBuildFailed(spec.stage, target_names, messages)
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for port in spec.inputs:
        profile.set_shape(port.name, *profile_shapes(port, tuple(axes)))
    config.add_optimization_profile(profile)
    if targets[0].is_aot:
        config.num_compute_capabilities = len(targets)
        for index, target in enumerate(targets):
            config.set_compute_capability(getattr(trt.ComputeCapability, str(target).upper()), index)
    cache_object = None if timing_cache is None else _load_timing_cache(config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineBuildFailed(spec.stage, target_names, logger.messages)
    if timing_cache is not None and cache_object is not None:
        timing_cache.write_bytes(bytes(cache_object.serialize()))
    return bytes(plan)


def _load_timing_cache(config: Any, path: Path) -> Any:
    cache_object = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    config.set_timing_cache(cache_object, ignore_mismatch=False)
    return cache_object
