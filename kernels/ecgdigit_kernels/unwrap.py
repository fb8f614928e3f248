"""Quality-guided phase unwrapping.

The algorithm is a flood fill in order of quality (Ghiglia and Pritt, Two-Dimensional Phase Unwrapping, 1998,
chapter 4). The phase change from a pixel to its neighbour is predicted from the local gradient. Changes of
more than half a period, which unwrapping without a prediction cannot follow, are therefore resolved even with
noise.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel

T = TypeVar("T", bound=np.generic)
Float = NDArray[np.float32]
Quality = NDArray[np.uint8]
Label = NDArray[np.int32]

MAX_PREDICTION_ERROR = 0.27
"""Maximum difference between a neighbour's phase and its prediction, in periods. Hand-picked, not tuned."""


def unwrap_phase(phase: Float, gradient_x: Float, gradient_y: Float, quality: Quality) -> tuple[Float, Label]:
    """Return the continuous phase of each connected region, and the label of each pixel's region.

    `phase` is (h, w) in periods, on any branch. The gradients are in periods per pixel. `quality` is 0 to
    255, and pixels of quality 0 are never entered. The returned phase equals the input modulo 1. Labels start
    at 1, and 0 marks pixels that were not reached. The offset between two regions is an unknown whole number
    of periods. Raises ValueError if the shapes differ or are not 2-D.
    """
    if not phase.shape == gradient_x.shape == gradient_y.shape == quality.shape or phase.ndim != 2:
        shapes = ", ".join(str(field.shape) for field in (phase, gradient_x, gradient_y, quality))
        raise ValueError(f"all fields must have the same 2-D shape, got {shapes}")
    # A border of quality 0 keeps all steps inside the field, so that a pixel can be identified by its flat
    # index.
    shape = (phase.shape[0] + 2, phase.shape[1] + 2)
    out, label = _flood(_padded(phase), _padded(gradient_x), _padded(gradient_y), _padded(quality), shape[1])
    inside = (slice(1, -1), slice(1, -1))
    return (
        np.ascontiguousarray(out.reshape(shape)[inside]),
        np.ascontiguousarray(label.reshape(shape)[inside]),
    )


def _padded(field: NDArray[T]) -> NDArray[T]:
    """Return the field with a border of one zero pixel, flattened."""
    out = np.zeros((field.shape[0] + 2, field.shape[1] + 2), field.dtype)
    out[1:-1, 1:-1] = field
    return out.ravel()


@kernel
def _flood(
    phase: Float, gradient_x: Float, gradient_y: Float, quality: Quality, width: int
) -> tuple[Float, Label]:
    """Grow the regions one after another, and return the continuous phase and the labels, both flat.

    The seed of a region is the pixel of highest quality among those that belong to no region yet.
    """
    out = np.zeros(phase.size, np.float32)
    label = np.zeros(phase.size, np.int32)
    # A bucket queue, with one stack per quality, replaces a heap. `newest` is the top entry of each stack,
    # and `below` the entry below each entry. Entry 4 * pixel + side is the step from a pixel to its neighbour
    # on that side (see `_step`).
    newest = np.empty(256, np.int32)
    newest[:] = -1
    below = np.empty(4 * phase.size, np.int32)
    region = 0
    for seed in _pixels_by_quality(quality):
        if label[seed] != 0:
            continue
        region += 1
        out[seed] = phase[seed]
        label[seed] = region
        top = _push_steps(seed, width, quality, label, newest, below)
        while top > 0:
            entry = newest[top]
            if entry < 0:
                top -= 1
                continue
            newest[top] = below[entry]
            pixel = entry >> 2
            other, change = _step(pixel, entry & 3, width, gradient_x, gradient_y)
            if label[other] != 0:
                continue
            expected = out[pixel] + change
            value = phase[other] + np.floor(expected - phase[other] + 0.5)
            if abs(value - expected) > MAX_PREDICTION_ERROR:
                continue
            out[other] = value
            label[other] = region
            top = max(top, _push_steps(other, width, quality, label, newest, below))
    return out, label


@kernel
def _pixels_by_quality(quality: Quality) -> NDArray[np.int64]:
    """Return the pixels of non-zero quality, best first, and in image order if equal (counting sort)."""
    begin = np.zeros(257, np.int64)  # index of the first pixel of each quality, best quality first
    for pixel in range(quality.size):
        begin[256 - quality[pixel]] += 1
    for slot in range(256):
        begin[slot + 1] += begin[slot]
    count = begin[255]
    pixels = np.empty(quality.size, np.int64)
    for pixel in range(quality.size):
        slot = 255 - quality[pixel]
        pixels[begin[slot]] = pixel
        begin[slot] += 1
    return pixels[:count]


@kernel
def _step(pixel: int, side: int, width: int, gradient_x: Float, gradient_y: Float) -> tuple[int, float]:
    """Return the neighbour below, above, right or left (side 0 to 3), and its predicted phase difference."""
    if side == 0:
        return pixel + width, 0.5 * (gradient_y[pixel] + gradient_y[pixel + width])
    if side == 1:
        return pixel - width, -0.5 * (gradient_y[pixel] + gradient_y[pixel - width])
    if side == 2:
        return pixel + 1, 0.5 * (gradient_x[pixel] + gradient_x[pixel + 1])
    return pixel - 1, -0.5 * (gradient_x[pixel] + gradient_x[pixel - 1])


@kernel
def _push_steps(
    pixel: int,
    width: int,
    quality: Quality,
    label: Label,
    newest: NDArray[np.int32],
    below: NDArray[np.int32],
) -> int:
    """Push the steps from a pixel onto the stacks of its neighbours' qualities.

    Neighbours with a label or of quality 0 are skipped. Return the highest quality of the other neighbours,
    or 0 if there are none.
    """
    top = 0
    for side, other in enumerate((pixel + width, pixel - width, pixel + 1, pixel - 1)):
        other_quality = int(quality[other])
        if other_quality > 0 and label[other] == 0:
            below[4 * pixel + side] = newest[other_quality]
            newest[other_quality] = 4 * pixel + side
            top = max(top, other_quality)
    return top
