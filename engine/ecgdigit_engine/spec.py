"""What a stage's graph takes and gives, read from the graph itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ecgdigit_engine.errors import ShapeOutsideProfile


class Shaped(Protocol):
    """What an input must tell of itself: an array, or what stands for one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...


@dataclass(frozen=True, slots=True)
class Axis:
    """One dynamic axis: the sizes it may have, in steps, and the one that engines are tuned to."""

    name: str
    low: int
    tuned: int
    high: int
    step: int = 1

    @property
    def words(self) -> str:
        steps = f" in steps of {self.step}" if self.step > 1 else ""
        return f"{self.low} to {self.high}{steps}"


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: `shape` has an int where it is fixed and an axis' name where it is dynamic."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A stage: its ports, its inputs' dynamic axes, and the metadata that export wrote into the graph."""

    stage: str
    version: str
    precision: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    axes: tuple[Axis, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def axis(self, name: str) -> Axis | None:
        return next((axis for axis in self.axes if axis.name == name), None)

    def check(self, feeds: Mapping[str, Shaped], *, bounded: bool, way_out: str = "") -> None:
        """See that the inputs fit. bounded: sizes must be within low and high too, as an engine asks.

        way_out: what helps against a size out of bounds. Raises ShapeOutsideProfile, which names the
        axis, and TypeError or KeyError for what only a caller's mistake can be.
        """
        for port in self.inputs:
            given = feeds[port.name]
            if given.dtype.name != port.dtype:
                raise TypeError(f"{self.stage}: {port.name} must be {port.dtype}, got {given.dtype.name}")
            if len(given.shape) != len(port.shape):
                raise ShapeOutsideProfile(
                    self.stage,
                    f"{port.name}'s rank",
                    len(given.shape),
                    f"it must be {len(port.shape)}",
                    _CALLER,
                )
            for size, wanted in zip(given.shape, port.shape, strict=True):
                self._check_axis(port.name, size, wanted, bounded, way_out)

    def _check_axis(self, port: str, size: int, wanted: int | str, bounded: bool, way_out: str) -> None:
        if isinstance(wanted, int):
            if size != wanted:
                raise ShapeOutsideProfile(self.stage, port, size, f"it must be {wanted}", _CALLER)
            return
        axis = self.axis(wanted)
        if axis is None:
            return
        if size % axis.step or size < 1:
            allowed = f"it must be a multiple of {axis.step}"
            raise ShapeOutsideProfile(self.stage, axis.name, size, allowed, _CALLER)
        if bounded and not axis.low <= size <= axis.high:
            raise ShapeOutsideProfile(
                self.stage, axis.name, size, f"the engine was built for {axis.words}", way_out or _CALLER
            )


_CALLER = "Pad or cut the input to a size that the stage takes."


def spec_from_metadata(
    inputs: tuple[Port, ...], outputs: tuple[Port, ...], metadata: Mapping[str, str]
) -> StageSpec:
    """The spec of a graph whose metadata export wrote (`stage`, `version`, `precision`, `axes`)."""
    written = json.loads(metadata.get("axes", "{}"))
    return StageSpec(
        stage=metadata.get("stage", ""),
        version=metadata.get("version", ""),
        precision=metadata.get("precision", "fp32"),
        inputs=inputs,
        outputs=outputs,
        axes=tuple(Axis(name, *sizes) for name, sizes in written.items()),
        metadata=dict(metadata),
    )
