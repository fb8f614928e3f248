"""Reduction of a phase field to half its size, with its local gradient.

The phases of neighbouring pixels differ by the local gradient. The four pixels of a 2 x 2 block are rotated
by this gradient to the centre of the block. They then differ only by noise, so that their mean replaces them,
and later steps process a quarter of the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import fastmath_kernel, inline_kernel

Float = NDArray[np.float32]

BOX = 3
"""Side length of the window over which the local gradient is averaged, in folded pixels. Hand-picked, not
tuned."""


@dataclass(frozen=True, slots=True)
class FoldedPhase:
    """Components of a folded field of shape (h, w), all float32 (h // 2, w // 2).

    Pixel i covers pixels 2i and 2i + 1 of the field. `wrapped_phase` is in periods, -0.5 to 0.5, and `rho` is
    the magnitude of the complex field, 0 to 1. `gradient_x` and `gradient_y` are in periods per folded pixel,
    -1 to 1. `coherence` is the agreement of the gradients in the window, 0 to 1.
    """

    wrapped_phase: Float
    rho: Float
    gradient_x: Float
    gradient_y: Float
    coherence: Float


def fold_phase(field: NDArray[np.complex64]) -> FoldedPhase:
    """Fold a complex field (h, w), rho * exp(2 pi i U), where U is the phase in periods.

    The gradient of U must be below half a period per pixel. It is the argument of the averaged product of
    each pixel's complex conjugate and its neighbour. This needs no unwrapping. Values must be finite. Raises
    ValueError if the field is smaller than 2 x 2.
    """
    if field.ndim != 2 or min(field.shape) < 2:
        raise ValueError(f"field must be at least 2 x 2, got {field.shape}")
    parts = np.ascontiguousarray(field, np.complex64).view(np.float32).reshape(*field.shape, 2)
    products = cv2.blur(_neighbour_products(parts), (BOX, BOX), borderType=cv2.BORDER_REPLICATE)
    return FoldedPhase(*_fold(parts, np.asarray(products, np.float32)))


@fastmath_kernel
def _neighbour_products(parts: Float) -> Float:
    """Return sums of neighbour products over each 2 x 2 block, float32 (rows, columns, 6).

    A neighbour product is the complex conjugate of a pixel times its right (x) or lower (y) neighbour. The
    six sums are the real and the imaginary part of the products in x, both parts in y, and the magnitudes of
    the products in x and in y.
    """
    rows, columns = parts.shape[0] // 2, parts.shape[1] // 2
    out = np.zeros((rows, columns, 6), np.float32)
    length = np.empty(parts.shape[:2], np.float32)
    for i in range(2 * rows):
        for j in range(2 * columns):
            length[i, j] = np.sqrt(parts[i, j, 0] ** 2 + parts[i, j, 1] ** 2)
    for i in range(2 * rows):
        below = min(i + 1, 2 * rows - 1)
        for j in range(2 * columns):
            right = min(j + 1, 2 * columns - 1)
            step = out[i // 2, j // 2]
            x, y = parts[i, j, 0], parts[i, j, 1]
            if right > j:
                step[0] += parts[i, right, 0] * x + parts[i, right, 1] * y
                step[1] += parts[i, right, 1] * x - parts[i, right, 0] * y
                step[4] += length[i, right] * length[i, j]
            if below > i:
                step[2] += parts[below, j, 0] * x + parts[below, j, 1] * y
                step[3] += parts[below, j, 1] * x - parts[below, j, 0] * y
                step[5] += length[below, j] * length[i, j]
    return out


@inline_kernel
def _angle_periods(y: np.float32, x: np.float32) -> np.float32:
    """Return the angle of (x, y) in periods, accurate to 2e-6.

    A minimax polynomial approximates the arctangent in an eighth of the circle.
    """
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


@inline_kernel
def _half_angle_vector(x: np.float32, y: np.float32) -> tuple[np.float32, np.float32]:
    """Return the unit vector at half the angle of (x, y). Its direction is that of (hypot(x, y) + x, y)."""
    real = np.sqrt(x * x + y * y) + x + np.float32(1e-12)
    length = np.sqrt(real * real + y * y) + np.float32(1e-18)
    return real / length, y / length


@fastmath_kernel
def _fold(parts: Float, steps: Float) -> tuple[Float, Float, Float, Float, Float]:
    rows, columns, _ = steps.shape
    wrapped, rho = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.float32)
    grad_x, grad_y = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.float32)
    coherence = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            step = steps[i, j]
            grad_x[i, j] = np.float32(2) * _angle_periods(step[1], step[0])
            grad_y[i, j] = np.float32(2) * _angle_periods(step[3], step[2])
            agree_x = np.sqrt(step[0] * step[0] + step[1] * step[1]) / (step[4] + np.float32(1e-9))
            agree_y = np.sqrt(step[2] * step[2] + step[3] * step[3]) / (step[5] + np.float32(1e-9))
            coherence[i, j] = min(agree_x, agree_y)
            # In x and in y, each pixel centre is half a pixel, and thus half a step, from the block centre.
            ax, ay = _half_angle_vector(step[0], step[1])
            dx, dy = _half_angle_vector(step[2], step[3])
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
            wrapped[i, j] = _angle_periods(imag, real)
            rho[i, j] = min(np.float32(0.25) * np.sqrt(real * real + imag * imag), np.float32(1))
    return wrapped, rho, grad_x, grad_y, coherence
