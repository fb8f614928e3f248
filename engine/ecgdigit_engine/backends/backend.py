"""Backend protocol, results of a probe, and execution options."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from ecgdigit_engine.device import Device
from ecgdigit_engine.runner import DeviceRunner

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
GRAPH_PRECISIONS = ("fp32", "fp16", "int8")
"""Precisions for which there are separate graphs. bf16 uses the FP32 graph."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A usable backend: its version, and the precisions that each device supports.

    The fastest precision is the first. `notes` are sentences for the user.
    """

    version: str
    devices: dict[Device, tuple[str, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unusable:
    """An unusable backend: the reason, and the instruction or command that makes it usable."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """Options for running a stage.

    `threads` is the number of CPU threads of one call. `concurrency` is the number of threads that call the
    runner. `engines` is the folder of built engines, used only by the TensorRT backends.
    """

    device: Device
    precision: str
    threads: int = 1
    concurrency: int = 1
    engines: Path | None = None


class Backend(Protocol):
    """A library that runs networks."""

    @property
    def name(self) -> str:
        """Name of the backend, as passed to `--backend`."""
        ...

    @property
    def is_auto(self) -> bool:
        """True if `auto` may select this backend."""
        ...

    def probe(self) -> Ready | Unusable:
        """Check whether the backend can be used.

        The check reads only package metadata, properties of the CPU and the driver, and stored manifests. It
        does not import the runtime of the backend.
        """
        ...

    def open_stage(self, graph: bytes, options: ExecutionOptions) -> DeviceRunner:
        """Return a runner for a stage.

        `graph` is the ONNX file of the stage in the precision that `graph_precision` returns.
        """
        ...


def graph_precision(precision: str) -> str:
    """Return the precision of the graph to open. For bf16 it is fp32, and the backend converts the graph."""
    return precision if precision in GRAPH_PRECISIONS else "fp32"


def installed_version(package: str) -> str | None:
    """Return the version of a package from its metadata, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
