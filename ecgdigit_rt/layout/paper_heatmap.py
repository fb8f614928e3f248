"""Stage 0's heat laid on the paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.stages import HEATMAPS

Float = NDArray[np.float32]

CELL_MM = 1.0
FINE_MM = 0.5


@dataclass(frozen=True, slots=True)
class PaperHeatmap:
    """Stage 0's heat on the paper: (channels, rows, columns) float32, cells of `FINE_MM` by `CELL_MM`.

    u_mm, v_mm: the places of the columns and of the rows.
    """

    heat: Float
    u_mm: Float
    v_mm: Float

    def channel(self, name: str) -> Float:
        return np.asarray(self.heat[HEATMAPS.index(name)])


def paper_heatmap(located: Located, mesh: Mesh) -> PaperHeatmap:
    """Look up every heatmap at a regular grid of paper places."""
    u0, v0, u1, v1 = mesh.extent_mm
    u = np.arange(u0, u1, CELL_MM, dtype=np.float32)
    v = np.arange(v0, v1, FINE_MM, dtype=np.float32)
    map_x, map_y = mesh.maps((u0, CELL_MM, u.size), (v0, FINE_MM, v.size), shrink=located.cell_px)
    map_x -= np.float32(located.corner_px[0] / located.cell_px)
    map_y -= np.float32(located.corner_px[1] / located.cell_px)
    heat = np.empty((len(located.heat), *map_x.shape), np.float32)
    for channel, out in zip(located.heat, heat, strict=True):
        cv2.remap(channel, map_x, map_y, cv2.INTER_LINEAR, out, cv2.BORDER_CONSTANT, 0)
    return PaperHeatmap(heat, u, v)
