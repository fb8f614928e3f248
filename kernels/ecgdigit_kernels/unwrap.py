"""Phase unwrapping: periods become continuous, the surest neighbours first.

A quality-guided flood (Ghiglia and Pritt, Two-Dimensional Phase Unwrapping, 1998, chapter 4): the
step to a neighbour is predicted from the local gradient, so the phase may turn by more than half
a period per pixel under noise and still be followed.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel

T = TypeVar("T", bound=np.generic)
Float = NDArray[np.float32]
Level = NDArray[np.uint8]
Label = NDArray[np.int32]

LARGEST_SURPRISE = 0.27
"""Periods by which a neighbour may miss its prediction and still be joined to the region."""


def unwrap_phase(phase: Float, along: Float, down: Float, level: Level) -> tuple[Float, Label]:
    """Continuous phase per connected region.

    phase: (h, w), periods, any branch. along, down: its gradient, periods per pixel. level:
    quality, 0 (never entered) to 255. Returns the phase in periods, equal to the input modulo 1,
    and the region's number from 1 on (0 where not reached). Regions differ by unknown whole
    periods. Raises ValueError when the shapes differ.
    """
    if not phase.shape == along.shape == down.shape == level.shape or phase.ndim != 2:
        raise ValueError(f"four fields of one shape are needed, got {phase.shape}, {level.shape}")
    # A rim of quality 0 all around: then no step leaves the field, and pixels have one number each.
    shape = (phase.shape[0] + 2, phase.shape[1] + 2)
    out, label = _flood(_rimmed(phase), _rimmed(along), _rimmed(down), _rimmed(level), shape[1])
    inside = (slice(1, -1), slice(1, -1))
    return (
        np.ascontiguousarray(out.reshape(shape)[inside]),
        np.ascontiguousarray(label.reshape(shape)[inside]),
    )


def _rimmed(field: NDArray[T]) -> NDArray[T]:
    """The field with one more pixel of 0 on every side, as one line."""
    out = np.zeros((field.shape[0] + 2, field.shape[1] + 2), field.dtype)
    out[1:-1, 1:-1] = field
    return out.ravel()


@kernel
def _flood(phase: Float, along: Float, down: Float, level: Level, width: int) -> tuple[Float, Label]:
    """Regions grow one after the other, from the surest pixel that is left."""
    out = np.zeros(phase.size, np.float32)
    label = np.zeros(phase.size, np.int32)
    # One stack per quality level instead of a heap: `head` is its top, `below` the entry under.
    head = np.empty(256, np.int32)
    head[:] = -1
    below = np.empty(4 * phase.size, np.int32)  # entry 4 * pixel + side: a step out of it
    region = 0
    for seed in _by_falling_quality(level):
        if label[seed] != 0:
            continue
        region += 1
        out[seed] = phase[seed]
        label[seed] = region
        top = _stacked(seed, width, level, label, head, below)
        while top > 0:
            entry = head[top]
            if entry < 0:
                top -= 1
                continue
            head[top] = below[entry]
            place = entry >> 2
            other, turn = _step(place, entry & 3, width, along, down)
            if label[other] != 0:
                continue
            expected = out[place] + turn
            value = phase[other] + np.floor(expected - phase[other] + 0.5)
            if abs(value - expected) > LARGEST_SURPRISE:
                continue
            out[other] = value
            label[other] = region
            top = max(top, _stacked(other, width, level, label, head, below))
    return out, label


@kernel
def _by_falling_quality(level: Level) -> NDArray[np.int64]:
    """The pixels that may be entered, the surest first; equal ones in their order."""
    begin = np.zeros(257, np.int64)  # where each quality's pixels begin, the surest first
    for place in range(level.size):
        begin[256 - level[place]] += 1
    for slot in range(256):
        begin[slot + 1] += begin[slot]
    entered = begin[255]
    pixels = np.empty(level.size, np.int64)
    for place in range(level.size):
        slot = 255 - level[place]
        pixels[begin[slot]] = place
        begin[slot] += 1
    return pixels[:entered]


@kernel
def _step(place: int, side: int, width: int, along: Float, down: Float) -> tuple[int, float]:
    """The neighbour below, above, right or left (side 0 to 3), and by how much the phase turns to it."""
    if side == 0:
        return place + width, 0.5 * (down[place] + down[place + width])
    if side == 1:
        return place - width, -0.5 * (down[place] + down[place - width])
    if side == 2:
        return place + 1, 0.5 * (along[place] + along[place + 1])
    return place - 1, -0.5 * (along[place] + along[place - 1])


@kernel
def _stacked(
    place: int,
    width: int,
    level: Level,
    label: Label,
    head: NDArray[np.int32],
    below: NDArray[np.int32],
) -> int:
    """Put the steps out of a pixel on their levels' stacks; the highest of these levels, or 0."""
    top = 0
    for side, other in enumerate((place + width, place - width, place + 1, place - 1)):
        here = int(level[other])
        if here > 0 and label[other] == 0:
            below[4 * place + side] = head[here]
            head[here] = 4 * place + side
            top = max(top, here)
    return top
