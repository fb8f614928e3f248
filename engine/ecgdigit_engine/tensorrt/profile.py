"""The sizes that an engine serves: the stage's own axes, narrowed or widened by the user."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ecgdigit_engine.errors import UnknownChoice
from ecgdigit_engine.spec import Axis, Port, StageSpec

BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the user wants of all stages: least, tuned and largest batch, and the longest side in pixels."""

    batch: tuple[int, int, int] | None = None
    longest_side: int | None = None


def batch_from_text(text: str) -> tuple[int, int, int]:
    """`1:4:8`, or one number for all three. Raises UnknownChoice."""
    parts = text.split(":")
    if not all(part.isdecimal() for part in parts) or len(parts) not in (1, 3):
        raise UnknownChoice("batch", text, ("LOW:TUNED:HIGH, such as 1:4:8",))
    low, tuned, high = (int(part) for part in (parts * 3 if len(parts) == 1 else parts))
    if not 1 <= low <= tuned <= high:
        raise UnknownChoice("batch", text, ("LOW:TUNED:HIGH, such as 1:4:8",))
    return low, tuned, high


def axes_with(spec: StageSpec, sizes: Sizes) -> tuple[Axis, ...]:
    """The stage's axes with the user's sizes; sides stay in their steps, and tuned within low and high."""
    return tuple(_axis_with(axis, sizes) for axis in spec.axes)


def _axis_with(axis: Axis, sizes: Sizes) -> Axis:
    if axis.name == BATCH:
        return axis if sizes.batch is None else Axis(BATCH, *sizes.batch)
    if sizes.longest_side is None or sizes.longest_side >= axis.high or axis.name.startswith("places"):
        return axis
    high = max(axis.low, sizes.longest_side // axis.step * axis.step)
    return dataclasses.replace(axis, tuned=min(axis.tuned, high), high=high)


def profile_shapes(
    port: Port, axes: tuple[Axis, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """An input's least, tuned and largest shape."""
    named = {axis.name: axis for axis in axes}

    def shape(part: str) -> tuple[int, ...]:
        return tuple(size if isinstance(size, int) else getattr(named[size], part) for size in port.shape)

    return shape("low"), shape("tuned"), shape("high")
