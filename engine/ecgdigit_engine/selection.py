"""Selection of backend, device and precision."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ecgdigit_engine.backends import all_backends
from ecgdigit_engine.backends.backend import (
    GRAPH_PRECISIONS,
    PRECISIONS,
    Backend,
    ExecutionOptions,
    Ready,
    Unusable,
    graph_precision,
)
from ecgdigit_engine.batching import BatchingRunner
from ecgdigit_engine.device import CPU, Device, device_from_text
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice
from ecgdigit_engine.runner import FusedRunner, Runner
from ecgdigit_engine.stage_opener import StageOpener, StageRequest

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class BackendSelection:
    """A usable backend with one of its devices and precisions.

    `is_auto` is true if the backend or the device was selected automatically.
    """

    backend: Backend
    version: str
    device: Device
    precision: str
    is_auto: bool
    notes: tuple[str, ...]

    @property
    def graph_precision(self) -> str:
        """Precision of the graphs to open. One of `GRAPH_PRECISIONS`."""
        return graph_precision(self.precision)

    def open_stage(self, request: StageRequest) -> Runner:
        """Return a runner for one stage.

        On a GPU, waiting calls of equal shape are joined into one batch.
        """
        options = ExecutionOptions(self.device, self.precision, request.threads, request.concurrency)
        runner: Runner = self.backend.open_stage(request.graph, options)
        if request.prefix_graph is not None:
            runner = FusedRunner(self.backend.open_stage(request.prefix_graph, options), runner)
        return runner if self.device == CPU else BatchingRunner(runner)

    def opener(self) -> StageOpener:
        """Return an opener of stages on this backend."""
        return StageOpener(
            self.open_stage, str(self), self.graph_precision, self.notes, is_accelerator=self.device != CPU
        )

    def __str__(self) -> str:
        """Return a text such as "auto → onnxruntime 1.31.1 (cpu, fp32)"."""
        text = f"{self.backend.name} {self.version} ({self.device}, {self.precision})"
        return f"{AUTO} → {text}" if self.is_auto else text


def select_backend(
    backend: str = AUTO,
    device: str = AUTO,
    precision: str = AUTO,
    graphs: Collection[str] = GRAPH_PRECISIONS,
    backends: Mapping[str, Backend] | None = None,
) -> BackendSelection:
    """Return the preferred backend that is usable, with its device and precision.

    A backend, device or precision that is requested by name is used, or an error is raised if it is not
    available. Only `auto` selects among alternatives.

    Parameters
    ----------
    backend
        Name of a backend, or `auto`.
    device
        `cpu`, `cuda` or `cuda:N`. `auto` selects a GPU if a backend is ready for one, otherwise the CPU.
    precision
        `fp32`, `fp16`, `bf16` or `int8`. `auto` selects the fastest precision that the device and the
        models support. The export limits the loss of accuracy of FP16 and INT8
        (`ecgdigit_export.precision_check`).
    graphs
        Precisions for which the models have graphs. Values are from `GRAPH_PRECISIONS`.
    backends
        Backends by name. Default: `all_backends()`.

    Raises
    ------
    UnknownChoice
        If a name does not exist.
    BackendUnusable
        If no backend matches.
    """
    known = all_backends() if backends is None else backends
    requested = device_from_text(device)
    if precision not in (AUTO, *PRECISIONS):
        raise UnknownChoice("precision", precision, (AUTO, *PRECISIONS))
    if backend != AUTO and backend not in known:
        raise UnknownChoice("backend", backend, (AUTO, *known))
    candidates = [
        item for item in known.values() if backend == item.name or (backend == AUTO and item.is_auto)
    ]
    is_auto = AUTO in (backend, device)
    matches: list[BackendSelection] = []
    errors: list[BackendUnusable] = []
    for candidate in candidates:
        match = _match(candidate, candidate.probe(), requested, precision, graphs)
        if isinstance(match, BackendUnusable):
            errors.append(match)
        else:
            ready, matched_device, matched_precision = match
            matches.append(
                BackendSelection(
                    candidate, ready.version, matched_device, matched_precision, is_auto, ready.notes
                )
            )
    if not matches:
        raise _joint_error(errors, backend, device, precision)
    return min(matches, key=lambda match: match.device == CPU)  # GPUs first, then the order of the backends


def _match(
    backend: Backend,
    probed: Ready | Unusable,
    requested: Device | None,
    precision: str,
    graphs: Collection[str],
) -> tuple[Ready, Device, str] | BackendUnusable:
    """Return a device and a precision of one backend that match the request.

    If there are none, return an error with the reason.
    """
    if isinstance(probed, Unusable):
        return BackendUnusable(backend.name, probed.reason, probed.fix)
    devices = [device for device in probed.devices if requested in (None, device)]
    if not devices:
        available = ", ".join(map(str, probed.devices))
        return BackendUnusable(
            f"{backend.name} on {requested}",
            f"its available devices are {available}",
            f"Use --device auto or one of {available}.",
        )
    usable = {
        device: [name for name in probed.devices[device] if graph_precision(name) in graphs]
        for device in devices
    }
    for device in sorted(devices, key=lambda device: device == CPU):
        precisions = usable[device]
        if precisions and precision in (AUTO, *precisions):
            return probed, device, precisions[0] if precision == AUTO else precision
    first = devices[0]
    if not usable[first]:
        return BackendUnusable(
            f"{backend.name} on {first}",
            f"the models have no graphs in {' or '.join(probed.devices[first])}",
            "Use other models or another backend.",
        )
    available = ", ".join(usable[first])
    return BackendUnusable(
        f"{backend.name} in {precision} on {first}",
        f"its available precisions are {available}",
        f"Use --precision auto or one of {available}.",
    )


def _joint_error(errors: list[BackendUnusable], backend: str, device: str, precision: str) -> BackendUnusable:
    """Return an error with the reasons why none of the tried backends matches."""
    if len(errors) == 1:
        return errors[0]
    options = " ".join(
        f"--{name} {value}"
        for name, value in (("backend", backend), ("device", device), ("precision", precision))
        if value != AUTO
    )
    reasons = "; ".join(f"{error.backend}: {error.reason}" for error in errors)
    return BackendUnusable(
        options, reasons, "Run `ecgdigit-rt doctor`, which lists the backends and how to install them."
    )
