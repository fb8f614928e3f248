"""Backend protocol, the result of a probe, and the options of execution."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from ecgdigit_engine.device import Device
from ecgdigit_engine.runner import DeviceRunner

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
GRAPH_PRECISIONS = ("fp32", "fp16", "int8")
"""Precisions that have their own graphs."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A usable backend: its version, and the precisions of each device, the fastest one first."""

    version: str
    devices: dict[Device, tuple[str, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unusable:
    """An unusable backend: the reason, and how to fix it."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """Options of the execution of a stage.

    `threads` is the number of CPU threads of one call, `concurrency` the number of threads that call the
    runner. `engines` is the folder of built engines, for backends that need them.
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
        """Name of the backend, as for `--backend`."""
        ...

    @property
    def is_auto(self) -> bool:
        """True if `auto` may select this backend."""
        ...

    def probe(self) -> Ready | Unusable:
        """Check whether the backend can be used.

        Only package metadata and drivers are read. Nothing heavy is imported.
        """
        ...

    def open_stage(self, graph: bytes, options: ExecutionOptions) -> DeviceRunner:
        """Return a runner of a stage. `graph` is its ONNX file in the precision of `graph_precision`."""
        ...


def graph_precision(precision: str) -> str:
    """Return the precision of the graph to open. For bf16 the FP32 graph is used; the backend converts it."""
    return precision if precision in GRAPH_PRECISIONS else "fp32"


def installed_version(package: str) -> str | None:
    """Return the version of a package from its metadata, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
