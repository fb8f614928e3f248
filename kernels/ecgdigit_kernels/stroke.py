"""Anti-aliased strokes and blending for the page generator.

The width of a line in OpenCV is a whole number of pixels. The width of a pen in pixels is any number, and the
ground truth is only as exact as the drawing. Coverage is computed at pixel centres (i + 0.5).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel

Float = NDArray[np.float32]


@kernel
def draw_polyline(coverage: Float, x: Float, y: Float, width: Float) -> None:
    """Draw a polyline into `coverage` (height, width) float32, in place. Coverage never decreases.

    `x` and `y` are (n,) vertices in pixels, and `width` is the (n,) stroke width in pixels at each vertex. A
    segment with a non-finite vertex is not drawn (lifted pen). Coverage falls linearly over one pixel at the
    edge of the stroke. A stroke thinner than a pixel is drawn one pixel wide, but paler.
    """
    height, columns = coverage.shape
    for i in range(x.size - 1):
        x0, y0, x1, y1 = x[i], y[i], x[i + 1], y[i + 1]
        if not (math.isfinite(x0 + x1) and math.isfinite(y0 + y1)):
            continue
        stroke = 0.5 * (width[i] + width[i + 1])
        peak = min(1.0, stroke)
        reach = 0.5 * max(stroke, 1.0) + 0.5
        left = max(0, math.floor(min(x0, x1) - reach))
        right = min(columns - 1, math.ceil(max(x0, x1) + reach))
        top = max(0, math.floor(min(y0, y1) - reach))
        bottom = min(height - 1, math.ceil(max(y0, y1) + reach))
        dx, dy = x1 - x0, y1 - y0
        length2 = dx * dx + dy * dy + 1e-12
        for row in range(top, bottom + 1):
            cy = row + 0.5 - y0
            for column in range(left, right + 1):
                cx = column + 0.5 - x0
                along = min(1.0, max(0.0, (cx * dx + cy * dy) / length2))
                ex, ey = cx - along * dx, cy - along * dy
                inked = peak * min(1.0, reach - math.sqrt(ex * ex + ey * ey))
                if inked > coverage[row, column]:
                    coverage[row, column] = inked


@kernel
def blend(image: NDArray[np.uint8], alpha: Float, colour: Float) -> None:
    """Blend `colour` (3,) over `image` (height, width, 3) uint8 with `alpha` (height, width), in place."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            a = alpha[row, column]
            if a > 0.0:
                for c in range(3):
                    under = np.float32(image[row, column, c])
                    image[row, column, c] = np.uint8(under + (colour[c] - under) * a + 0.5)


@kernel
def blend_grid(image: NDArray[np.uint8], across: Float, down: Float, colour: Float) -> None:
    """Blend a grid over `image` in place. The alpha of a pixel is max(across[column], down[row])."""
    for row in range(image.shape[0]):
        d = down[row]
        for column in range(image.shape[1]):
            a = max(d, across[column])
            if a > 0.0:
                for c in range(3):
                    under = np.float32(image[row, column, c])
                    image[row, column, c] = np.uint8(under + (colour[c] - under) * a + 0.5)
