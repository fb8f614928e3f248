"""Mapping of points by homographies.

A homography divides by a denominator that is linear in the source coordinates. If it maps paper to a photo,
the denominator is proportional to the distance of the paper from the camera, along the optical axis.
`ecgdigit_kernels.homography` fits homographies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def apply_homography(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points (..., 2) by a homography (3, 3). Denominators within 1e-6 of zero are replaced with 1e-6."""
    denominator = points[..., 0] * matrix[2, 0] + points[..., 1] * matrix[2, 1] + matrix[2, 2]
    denominator = np.where(np.abs(denominator) < 1e-6, 1e-6, denominator)
    u = points[..., 0] * matrix[0, 0] + points[..., 1] * matrix[0, 1] + matrix[0, 2]
    v = points[..., 0] * matrix[1, 0] + points[..., 1] * matrix[1, 1] + matrix[1, 2]
    return np.stack([u / denominator, v / denominator], -1)
