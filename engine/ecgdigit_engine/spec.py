"""Specification of a stage: the inputs, outputs and sizes that its graph (ONNX file) declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ecgdigit_engine.errors import ShapeOutsideProfile
from ecgdigit_engine.untrusted_json import json_from_untrusted


class ArrayInfo(Protocol):
    """Protocol of inputs that have a shape and a type: arrays, shared inputs and tensors on a device."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        ...


@dataclass(frozen=True, slots=True)
class Axis:
    """A dynamic axis, whose size is from `low` to `high` in steps of `step`.

    Engines are optimized for the size `tuned`.
    """

    name: str
    low: int
    tuned: int
    high: int
    step: int = 1

    @property
    def range_text(self) -> str:
        """Range of sizes, such as "32 to 1536 in steps of 32"."""
        steps = f" in steps of {self.step}" if self.step > 1 else ""
        return f"{self.low} to {self.high}{steps}"


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output. `shape` contains a number for a fixed dimension and a name for a dynamic axis."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class StageSpec:
    """Specification of a stage.

    It contains the ports, the dynamic axes of the inputs, and the metadata that the export writes to the
    graph.
    """

    stage: str
    version: str
    precision: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    axes: tuple[Axis, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def axis(self, name: str) -> Axis | None:
        """Return the dynamic axis of this name, or None."""
        return next((axis for axis in self.axes if axis.name == name), None)

    def check(self, feeds: Mapping[str, ArrayInfo], *, bounded: bool, hint: str = "") -> None:
        """Check the types and shapes of the inputs.

        A size must be a multiple of the step of its axis. If `bounded` is true, it must also be between the
        minimum and the maximum of the axis, as engines require. `hint` is the hint of the error for a size
        outside this range.

        Raises ShapeOutsideProfile for a wrong shape, KeyError for a missing input, or TypeError for a wrong
        type.
        """
        for port in self.inputs:
            value = feeds[port.name]
            if value.dtype.name != port.dtype:
                raise TypeError(f"{self.stage}: {port.name} must be {port.dtype}, got {value.dtype.name}")
            if len(value.shape) != len(port.shape):
                raise ShapeOutsideProfile(
                    self.stage,
                    f"{port.name}'s rank",
                    len(value.shape),
                    f"it must be {len(port.shape)}",
                    _RESIZE_HINT,
                )
            for size, expected in zip(value.shape, port.shape, strict=True):
                self._check_size(port.name, size, expected, bounded, hint)

    def _check_size(self, port: str, size: int, expected: int | str, bounded: bool, hint: str) -> None:
        if isinstance(expected, int):
            if size != expected:
                raise ShapeOutsideProfile(self.stage, port, size, f"it must be {expected}", _RESIZE_HINT)
            return
        axis = self.axis(expected)
        if axis is None:
            return
        if size % axis.step or size < 1:
            limit = f"it must be a multiple of {axis.step}"
            raise ShapeOutsideProfile(self.stage, axis.name, size, limit, _RESIZE_HINT)
        if bounded and not axis.low <= size <= axis.high:
            limit = f"the engine was built for {axis.range_text}"
            raise ShapeOutsideProfile(self.stage, axis.name, size, limit, hint or _RESIZE_HINT)


_RESIZE_HINT = "Pad or crop the input to a supported size."


def spec_from_metadata(
    inputs: tuple[Port, ...], outputs: tuple[Port, ...], metadata: Mapping[str, str]
) -> StageSpec:
    """Return the specification of a graph from its ports and its metadata.

    The export writes the metadata keys `stage`, `version`, `precision` and `axes`.
    """
    sizes_by_axis = json_from_untrusted(metadata.get("axes", "{}"))
    return StageSpec(
        stage=metadata.get("stage", ""),
        version=metadata.get("version", ""),
        precision=metadata.get("precision", "fp32"),
        inputs=inputs,
        outputs=outputs,
        axes=tuple(Axis(name, *sizes) for name, sizes in sizes_by_axis.items()),
        metadata=dict(metadata),
    )
