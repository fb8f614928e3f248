"""What a backend is: it says whether it can be used here, and opens a stage's graph."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from ecgdigit_engine.device import Device
from ecgdigit_engine.runner import DeviceRunner

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
GRAPHS = ("fp32", "fp16", "int8")
"""Precisions that have a graph of their own."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The backend can be used: its version, and its devices, each with precisions, the best one first."""

    version: str
    devices: dict[Device, tuple[str, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unusable:
    """The backend cannot be used: why, and what would help."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """How a stage is to be run. threads: CPU threads of one call; callers: calls that go on at once.

    engines: folder of built engines, for backends that need them.
    """

    device: Device
    precision: str
    threads: int = 1
    concurrency: int = 1
    engines: Path | None = None


class Backend(Protocol):
    """One way to run networks."""

    @property
    def name(self) -> str: ...

    @property
    def is_auto(self) -> bool:
        """Whether `auto` may choose it on the devices where it is ready."""
        ...

    def probe(self) -> Ready | Unusable:
        """Whether it can be used, from package metadata and drivers alone: nothing heavy is imported."""
        ...

    def open_stage(self, graph: bytes, how: ExecutionOptions) -> DeviceRunner:
        """A runner of one stage's ONNX graph, typed as `graph_precision` says."""
        ...


def graph_precision(precision: str) -> str:
    """Which of a stage's graphs a precision runs: bf16 is a matter of the CPU's units, not of the graph."""
    return precision if precision in GRAPHS else "fp32"


def installed(package: str) -> str | None:
    """A package's version from its metadata, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
