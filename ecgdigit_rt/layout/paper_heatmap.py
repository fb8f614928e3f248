"""Heatmaps of the locate stage, resampled from the image to the paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.stages import HEATMAPS

Float = NDArray[np.float32]

CELL_U_MM = 1.0
CELL_V_MM = 0.5
"""Width and height of a heatmap cell on paper. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class PaperHeatmap:
    """Heatmaps on a regular grid of paper positions.

    heatmaps: (channels, rows, columns) float32. u_mm, v_mm: positions of the columns and of the rows.
    """

    heatmaps: Float
    u_mm: Float
    v_mm: Float

    def channel(self, name: str) -> Float:
        """Return the heatmap of the channel with this name, (rows, columns)."""
        return np.asarray(self.heatmaps[HEATMAPS.index(name)])


def paper_heatmap(located: Located, mesh: Mesh) -> PaperHeatmap:
    """Sample every heatmap on a regular grid over the mesh. It is 0 outside the predicted image region."""
    u0, v0, u1, v1 = mesh.extent_mm
    u = np.arange(u0, u1, CELL_U_MM, dtype=np.float32)
    v = np.arange(v0, v1, CELL_V_MM, dtype=np.float32)
    map_x, map_y = mesh.maps((u0, CELL_U_MM, u.size), (v0, CELL_V_MM, v.size), shrink=located.cell_px)
    map_x -= np.float32(located.corner_px[0] / located.cell_px)
    map_y -= np.float32(located.corner_px[1] / located.cell_px)
    heatmaps = np.empty((len(located.heatmaps), *map_x.shape), np.float32)
    for channel, out in zip(located.heatmaps, heatmaps, strict=True):
        cv2.remap(channel, map_x, map_y, cv2.INTER_LINEAR, out, cv2.BORDER_CONSTANT, 0)
    return PaperHeatmap(heatmaps, u, v)
