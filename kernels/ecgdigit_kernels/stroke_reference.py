"""NumPy reference of the kernels in `stroke`. The tests compare the kernels with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def polyline_coverage_reference(
    shape: tuple[int, int], x: Float, y: Float, width: Float
) -> NDArray[np.float64]:
    """Return the coverage by the formula of `draw_polyline`, over the whole image for each segment."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    coverage = np.zeros(shape)
    for i in range(x.size - 1):
        start = np.array([x[i], y[i]], float)
        step = np.array([x[i + 1], y[i + 1]], float) - start
        if not np.isfinite(start).all() or not np.isfinite(step).all():
            continue
        stroke = 0.5 * (float(width[i]) + float(width[i + 1]))
        along = ((columns - start[0]) * step[0] + (rows - start[1]) * step[1]) / (step @ step + 1e-12)
        along = np.clip(along, 0, 1)
        distance = np.hypot(columns - start[0] - along * step[0], rows - start[1] - along * step[1])
        reach = 0.5 * max(stroke, 1.0) + 0.5
        inked = min(1.0, stroke) * np.clip(reach - distance, 0, 1)
        coverage = np.maximum(coverage, inked)
    return coverage


def blend_reference(image: NDArray[np.uint8], alpha: Float, colour: Float) -> NDArray[np.uint8]:
    """Return the image with the colour blended over it by alpha, rounded."""
    under = image.astype(np.float64)
    return np.asarray(np.floor(under + (colour - under) * alpha[..., None] + 0.5), np.uint8)
