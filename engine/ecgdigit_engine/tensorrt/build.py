"""Build of a TensorRT engine from the graph of a stage.

`tensorrt` and `tensorrt-rtx` have the same API under two module names. The network is strongly typed:
TensorRT uses exactly the types of the graph, whose accuracy the export has verified.
"""

from __future__ import annotations

import importlib
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from ecgdigit_engine.device import current_gpu
from ecgdigit_engine.errors import EngineBuildFailed
from ecgdigit_engine.spec import Axis, StageSpec
from ecgdigit_engine.tensorrt.profile import profile_shapes
from ecgdigit_engine.tensorrt.store import write_atomically
from ecgdigit_engine.tensorrt.target import Target

MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
"""Import name of each package."""


def tensorrt_module(backend: str) -> Any:
    """Import and return the module of a package. The import loads libraries of hundreds of megabytes."""
    return importlib.import_module(MODULES[backend])


_MAX_MESSAGES = 50  # messages that are kept. A call logs a few.


class ErrorLog:
    """The most recent error messages of TensorRT, by the thread that logged them. Thread-safe.

    Threads that call `clear` are those that use TensorRT. Other threads belong to TensorRT itself.
    """

    def __init__(self) -> None:
        self._messages: deque[tuple[int, str]] = deque(maxlen=_MAX_MESSAGES)
        self._users: set[int] = set()
        self._lock = threading.Lock()

    def add(self, text: str) -> None:
        """Add a message of the calling thread."""
        with self._lock:
            self._messages.append((threading.get_ident(), text))

    def clear(self) -> None:
        """Remove the messages of the calling thread, so that `texts` returns only later ones."""
        own = threading.get_ident()
        with self._lock:
            self._users.add(own)
            kept = [message for message in self._messages if message[0] != own]
            self._messages = deque(kept, maxlen=_MAX_MESSAGES)

    def texts(self) -> list[str]:
        """Return the messages of the calling thread, or else of TensorRT's threads, the oldest first."""
        own = threading.get_ident()
        with self._lock:
            mine = [text for thread, text in self._messages if thread == own]
            return mine or [text for thread, text in self._messages if thread not in self._users]


@cache
def tensorrt_logger(backend: str) -> Any:
    """Return the logger of TensorRT in this process. TensorRT allows only one.

    Its attribute `errors` is an `ErrorLog`.
    """
    trt = tensorrt_module(backend)

    class ErrorLogger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors = ErrorLog()

        def log(self, severity: Any, text: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.add(text)

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

    An engine can have several targets only if it is compiled ahead of time. Otherwise it is compiled on the
    GPU of its target. The file `timing_cache` is read if it exists, and written after the build. Raises
    EngineBuildFailed, or BackendUnusable if the driver refuses the GPU.
    """
    gpu = targets[0].gpu
    with nullcontext() if gpu is None else current_gpu(gpu):
        return _build(backend, graph, spec, axes, targets, timing_cache)


def _build(
    backend: str,
    graph: bytes,
    spec: StageSpec,
    axes: Sequence[Axis],
    targets: Sequence[Target],
    timing_cache: Path | None,
) -> bytes:
    trt, logger = tensorrt_module(backend), tensorrt_logger(backend)
    logger.errors.clear()
    target_names = ", ".join(map(str, targets))
    try:
        builder = trt.Builder(logger)
    except TypeError as error:  # raised by the bindings if TensorRT returns no object
        raise EngineBuildFailed(spec.stage, target_names, logger.errors.texts() or [str(error)]) from error
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
    if backend == "tensorrt-rtx":  # by default, it builds for compute capabilities from 8.0 on
        config.num_compute_capabilities = len(targets)
        for index, target in enumerate(targets):
            capability = getattr(trt.ComputeCapability, str(target).upper())
            if not config.set_compute_capability(capability, index):
                raise EngineBuildFailed(spec.stage, target_names, [f"{target} was rejected"])
    cache_object = None if timing_cache is None else _load_timing_cache(config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineBuildFailed(spec.stage, target_names, logger.errors.texts())
    if timing_cache is not None and cache_object is not None:
        write_atomically(timing_cache, bytes(cache_object.serialize()))
    return bytes(plan)


def _load_timing_cache(config: Any, path: Path) -> Any:
    cache_object = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    config.set_timing_cache(cache_object, ignore_mismatch=False)
    return cache_object
