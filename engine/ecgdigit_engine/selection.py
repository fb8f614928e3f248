"""Which backend runs the networks, on which device, in which precision: probed, chosen, and said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ecgdigit_engine.backends import all_backends
from ecgdigit_engine.backends.backend import (
    GRAPHS,
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
from ecgdigit_engine.fused import FusedRunner
from ecgdigit_engine.runner import Runner

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class BackendSelection:
    """A backend that is ready, with a device and a precision that it has."""

    backend: Backend
    version: str
    device: Device
    precision: str
    is_auto: bool
    notes: tuple[str, ...]

    @property
    def graph_precision(self) -> str:
        """Which of the stages' graphs to open, of `GRAPHS`."""
        return graph_precision(self.precision)

    @property
    def is_accelerator(self) -> bool:
        """Whether what the device sees must be sent to it, so that a picture had better go once."""
        return self.device != CPU

    def open_stage(
        self, graph: bytes, threads: int = 1, concurrency: int = 1, prefix_graph: bytes | None = None
    ) -> Runner:
        """A runner of one stage. graph: ONNX bytes, typed as `graph_precision` says.

        front: the graph of a stage that gives this one its inputs; the runner is of both. On a card, calls
        that wait for it at the same time go together as one batch.
        """
        how = ExecutionOptions(self.device, self.precision, threads, concurrency)
        runner: Runner = self.backend.open_stage(graph, how)
        if prefix_graph is not None:
            runner = FusedRunner(self.backend.open_stage(prefix_graph, how), runner)
        return BatchingRunner(runner) if self.is_accelerator else runner

    def __str__(self) -> str:
        """Such as "auto → onnxruntime 1.31.1 (cpu, fp32)"."""
        found = f"{self.backend.name} {self.version} ({self.device}, {self.precision})"
        return f"{AUTO} → {found}" if self.is_auto else found


def select_backend(
    backend: str = AUTO,
    device: str = AUTO,
    precision: str = AUTO,
    graphs: Collection[str] = GRAPHS,
    backends: Mapping[str, Backend] | None = None,
) -> BackendSelection:
    """The best backend that is ready. What is named is taken or refused, never swapped.

    device: auto, cpu, cuda or cuda:N; auto takes a card where a backend is ready for it. precision: auto,
    fp32, fp16, bf16 or int8; auto is the backend's fastest, all of which lose no accuracy worth speaking of.
    graphs: those that the models have, of `GRAPHS`.
    Raises UnknownChoice and BackendUnusable.
    """
    known = all_backends() if backends is None else backends
    wanted = device_from_text(device)
    if precision not in (AUTO, *PRECISIONS):
        raise UnknownChoice("precision", precision, (AUTO, *PRECISIONS))
    if backend != AUTO and backend not in known:
        raise UnknownChoice("backend", backend, (AUTO, *known))
    candidates = [one for one in known.values() if backend == one.name or (backend == AUTO and one.is_auto)]
    found: list[BackendSelection] = []
    refusals: list[BackendUnusable] = []
    for one in candidates:
        answer = _fitting(one, one.probe(), wanted, precision, graphs)
        if isinstance(answer, BackendUnusable):
            refusals.append(answer)
        else:
            ready, chosen, exact = answer
            is_auto = AUTO in (backend, device)
            found.append(BackendSelection(one, ready.version, chosen, exact, is_auto, ready.notes))
    if not found:
        raise _refusal(refusals, backend, device, precision)
    return min(found, key=lambda choice: choice.device == CPU)  # a card first, then the order of backends


def _fitting(
    backend: Backend,
    answer: Ready | Unusable,
    wanted: Device | None,
    precision: str,
    graphs: Collection[str],
) -> tuple[Ready, Device, str] | BackendUnusable:
    if isinstance(answer, Unusable):
        return BackendUnusable(backend.name, answer.reason, answer.fix)
    devices = [device for device in answer.devices if wanted in (None, device)]
    if not devices:
        has = ", ".join(map(str, answer.devices))
        return BackendUnusable(
            f"{backend.name} on {wanted}", f"it can use {has}", f"Use --device auto or one of {has}."
        )
    for device in sorted(devices, key=lambda one: one == CPU):
        precisions = [one for one in answer.devices[device] if graph_precision(one) in graphs]
        if precisions and precision in (AUTO, *precisions):
            return answer, device, precisions[0] if precision == AUTO else precision
    has = ", ".join(answer.devices[devices[0]])
    return BackendUnusable(
        f"{backend.name} in {precision} on {devices[0]}", f"it has {has}", f"Use --precision {has}."
    )


def _refusal(refusals: list[BackendUnusable], backend: str, device: str, precision: str) -> BackendUnusable:
    if len(refusals) == 1:
        return refusals[0]
    wish = " ".join(
        f"--{name} {value}"
        for name, value in (("backend", backend), ("device", device), ("precision", precision))
        if value != AUTO
    )
    reasons = "; ".join(f"{one.backend}: {one.reason}" for one in refusals)
    return BackendUnusable(wish, reasons, "`ecgdigit-rt doctor` shows what is ready and what would help.")
