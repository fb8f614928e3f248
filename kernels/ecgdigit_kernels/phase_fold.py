"""A phase field at half its size, and its local gradient: two pixels by two become one, none is lost.

Neighbouring phases differ by a known turn, the local gradient. Turned back by it, four pixels agree but
for their noise, and their sum is as good as all four. All that follows has a quarter of the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import inlined, loose_kernel

Float = NDArray[np.float32]

BOX = 3
"""Folded pixels, per side, over which the local gradient is averaged."""


@dataclass(frozen=True, slots=True)
class FoldedPhase:
    """A folded field's parts, all float32 (h // 2, w // 2); pixel i covers the field's 2i and 2i + 1.

    turns: phase in periods, -0.5 to 0.5. rho: length, 0 to 1. along, down: gradient in periods per
    folded pixel, -1 to 1. coherence: how well the steps around agree, 0 to 1.
    """

    turns: Float
    rho: Float
    along: Float
    down: Float
    coherence: Float


def fold_phase(field: NDArray[np.complex64]) -> FoldedPhase:
    """Fold a complex field (h, w), rho * exp(2 pi i U); the gradient of U below half a period per pixel.

    The gradient is the argument of the averaged product of neighbours, which needs no unwrapping.
    Values must be finite. Raises ValueError for a field below 2 x 2.
    """
    if field.ndim != 2 or min(field.shape) < 2:
        raise ValueError(f"a field of at least 2 x 2 is needed, got {field.shape}")
    parts = np.ascontiguousarray(field, np.complex64).view(np.float32).reshape(*field.shape, 2)
    steps = cv2.blur(_steps(parts), (BOX, BOX), borderType=cv2.BORDER_REPLICATE)
    return FoldedPhase(*_folded(parts, np.asarray(steps, np.float32)))


@loose_kernel
def _steps(parts: Float) -> Float:
    """Per block: products of its pixels' neighbours along, down (real, imaginary), and their lengths."""
    rows, columns = parts.shape[0] // 2, parts.shape[1] // 2
    out = np.zeros((rows, columns, 6), np.float32)
    length = np.empty(parts.shape[:2], np.float32)
    for i in range(2 * rows):
        for j in range(2 * columns):
            length[i, j] = np.sqrt(parts[i, j, 0] ** 2 + parts[i, j, 1] ** 2)
    for i in range(2 * rows):
        below = min(i + 1, 2 * rows - 1)
        for j in range(2 * columns):
            beside = min(j + 1, 2 * columns - 1)
            step = out[i // 2, j // 2]
            x, y = parts[i, j, 0], parts[i, j, 1]
            if beside > j:
                step[0] += parts[i, beside, 0] * x + parts[i, beside, 1] * y
                step[1] += parts[i, beside, 1] * x - parts[i, beside, 0] * y
                step[4] += length[i, beside] * length[i, j]
            if below > i:
                step[2] += parts[below, j, 0] * x + parts[below, j, 1] * y
                step[3] += parts[below, j, 1] * x - parts[below, j, 0] * y
                step[5] += length[below, j] * length[i, j]
    return out


@inlined
def _turn(y: np.float32, x: np.float32) -> np.float32:
    """The angle of (x, y) in periods, to 2e-6: a minimax polynomial for an eighth of the circle."""
    low, high = min(abs(x), abs(y)), max(abs(x), abs(y))
    t = low / (high + np.float32(1e-30))
    s = t * t
    angle = np.float32(0.05265332) - np.float32(0.01172120) * s
    angle = np.float32(-0.11643287) + angle * s
    angle = np.float32(0.19354346) + angle * s
    angle = np.float32(-0.33262347) + angle * s
    angle = (np.float32(0.99997726) + angle * s) * t * np.float32(0.15915494)
    angle = np.float32(0.25) - angle if abs(y) > abs(x) else angle
    angle = np.float32(0.5) - angle if x < 0 else angle
    return -angle if y < 0 else angle


@inlined
def _half_turn(x: np.float32, y: np.float32) -> tuple[np.float32, np.float32]:
    """The unit vector at half the angle of (x, y), without an angle: the direction of (|z| + x, y)."""
    real = np.sqrt(x * x + y * y) + x + np.float32(1e-12)
    length = np.sqrt(real * real + y * y) + np.float32(1e-18)
    return real / length, y / length


@loose_kernel
def _folded(parts: Float, steps: Float) -> tuple[Float, Float, Float, Float, Float]:
    rows, columns, _ = steps.shape
    turns, rho = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.float32)
    along, down = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.float32)
    coherence = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            step = steps[i, j]
            along[i, j] = np.float32(2) * _turn(step[1], step[0])
            down[i, j] = np.float32(2) * _turn(step[3], step[2])
            agree_along = np.sqrt(step[0] * step[0] + step[1] * step[1]) / (step[4] + np.float32(1e-9))
            agree_down = np.sqrt(step[2] * step[2] + step[3] * step[3]) / (step[5] + np.float32(1e-9))
            coherence[i, j] = min(agree_along, agree_down)
            # The four centres lie half a pixel off the block's: half a step each way.
            ax, ay = _half_turn(step[0], step[1])
            dx, dy = _half_turn(step[2], step[3])
            sum_x, sum_y = ax * dx - ay * dy, ax * dy + ay * dx  # towards the lower right
            gap_x, gap_y = ax * dx + ay * dy, ay * dx - ax * dy  # towards the upper right
            a, b = parts[2 * i, 2 * j], parts[2 * i, 2 * j + 1]
            c, d = parts[2 * i + 1, 2 * j], parts[2 * i + 1, 2 * j + 1]
            real = (
                (a[0] + d[0]) * sum_x - (a[1] - d[1]) * sum_y + (b[0] + c[0]) * gap_x + (b[1] - c[1]) * gap_y
            )
            imag = (
                (a[1] + d[1]) * sum_x + (a[0] - d[0]) * sum_y + (b[1] + c[1]) * gap_x - (b[0] - c[0]) * gap_y
            )
            turns[i, j] = _turn(imag, real)
            rho[i, j] = min(np.float32(0.25) * np.sqrt(real * real + imag * imag), np.float32(1))
    return turns, rho, along, down, coherence
