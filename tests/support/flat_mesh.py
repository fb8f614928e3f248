"""Mesh of a flat page, upright or rotated."""

from __future__ import annotations

import numpy as np

from ecgdigit_rt.geometry.mesh import Mesh


def flat_mesh(px_per_mm: float = 8.0, slope: float = 0.0) -> Mesh:
    """Return the mesh of a page of 300 x 220 mm, with 5 mm cells, whose rows have the slope `slope`."""
    v, u = np.mgrid[0:220:5, 0:300:5]
    nodes = np.stack([u - slope * v, v + slope * u], -1) * px_per_mm
    return Mesh(nodes.astype(np.float32), (0.0, 0.0), 0.0, 1.0)
