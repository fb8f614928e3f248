"""Optimization profile of an engine: the axes of a stage, changed to the sizes that the user specified."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ecgdigit_engine.errors import UnknownChoice
from ecgdigit_engine.spec import Axis, Port, StageSpec

BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes that the user specified for all stages.

    `batch` contains the minimum, the tuned and the maximum batch size. `max_side` is the maximum side of an
    input in pixels, but not less than the side that a usual page needs.
    """

    batch: tuple[int, int, int] | None = None
    max_side: int | None = None


def batch_from_text(text: str) -> tuple[int, int, int]:
    """Return the minimum, tuned and maximum batch size for a text such as `1:4:8`.

    A single number applies to all three. Raises UnknownChoice.
    """
    parts = text.split(":")
    if not all(part.isdecimal() for part in parts) or len(parts) not in (1, 3):
        raise UnknownChoice("batch", text, ("LOW:TUNED:HIGH, such as 1:4:8",))
    low, tuned, high = (int(part) for part in (parts * 3 if len(parts) == 1 else parts))
    if not 1 <= low <= tuned <= high:
        raise UnknownChoice("batch", text, ("LOW:TUNED:HIGH, such as 1:4:8",))
    return low, tuned, high


def resize_axes(spec: StageSpec, sizes: Sizes) -> tuple[Axis, ...]:
    """Return the axes of a stage, changed to the specified sizes.

    `batch` replaces the batch axis. `max_side` is rounded down to a multiple of the step of each axis. It
    lowers the maximum of an axis at most to the tuned size, which a usual page needs: the strip of a row of
    10 s has 2752 columns, whatever the size of the image. `max_side` does not apply to the sampler's axes of
    positions (`places_…`).
    """
    return tuple(_resize_axis(axis, sizes) for axis in spec.axes)


def _resize_axis(axis: Axis, sizes: Sizes) -> Axis:
    if axis.name == BATCH:
        return axis if sizes.batch is None else Axis(BATCH, *sizes.batch)
    if sizes.max_side is None or sizes.max_side >= axis.high or axis.name.startswith("places"):
        return axis
    return dataclasses.replace(axis, high=max(axis.tuned, sizes.max_side // axis.step * axis.step))


def profile_shapes(
    port: Port, axes: tuple[Axis, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the minimum, tuned and maximum shape of an input."""
    by_name = {axis.name: axis for axis in axes}

    def shape(bound: str) -> tuple[int, ...]:
        return tuple(size if isinstance(size, int) else getattr(by_name[size], bound) for size in port.shape)

    return shape("low"), shape("tuned"), shape("high")
