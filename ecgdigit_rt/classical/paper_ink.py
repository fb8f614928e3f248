"""The whole page as ink on flat paper, coarse enough to find rows and marks on it quickly."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.darkness import Float, ink_patch
from ecgdigit_rt.errors import NoRowsFound
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN

PX_PER_MM = 4
_EDGE_MM = 2.5  # of the picture or the grid, where frames, shadows and the sheet's own edge are
_BESIDE_MM = 8.0  # the grid: what may stand there
_STROKES = 0.993  # quantile: about so much of a page is no ink
_OF_STROKES, _LEAST_LEVEL = 0.45, 0.1


@dataclass(frozen=True, slots=True)
class PaperInk:
    """ink: float32 (rows, columns), `PX_PER_MM` each way, 0 to 1, upright or turned. corner_mm: of its
    first pixel, on the paper that was not turned. level: from which on it is ink."""

    ink: Float
    corner_mm: tuple[float, float]
    level: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.ink > self.level

    def turned(self, quarter_turns: int) -> PaperInk:
        """As it looks turned counterclockwise; places are those of the turned paper, from its corner."""
        ink = np.ascontiguousarray(np.rot90(self.ink, quarter_turns))
        return dataclasses.replace(self, ink=ink)


def paper_ink(bright: NDArray[np.uint8], mesh: Mesh) -> PaperInk:
    """The page through its mesh; bright: a picture's `brightness`. Raises NoRowsFound where it is blank."""
    u0, v0, u1, v1 = mesh.extent_mm
    size = (round((u1 - u0) * PX_PER_MM), round((v1 - v0) * PX_PER_MM))
    ink = ink_patch(bright, mesh, (u0, v0), (PX_PER_MM, PX_PER_MM), size)
    inside = _inside(bright, mesh, (u0, v0), size) & _on_grid(size)
    ink[~inside] = 0
    strokes = float(np.quantile(ink[inside][::3], _STROKES)) if inside.any() else 0.0
    level = _OF_STROKES * strokes
    if level < _LEAST_LEVEL * _OF_STROKES:
        raise NoRowsFound("nothing is darker than the paper and its lines")
    return PaperInk(ink, (u0, v0), level)


def _inside(
    picture: NDArray[np.uint8], mesh: Mesh, corner_mm: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Where the picture shows the paper, some way from the picture's edges."""
    x, y = mesh.maps((corner_mm[0], 1 / PX_PER_MM, size[0]), (corner_mm[1], 1 / PX_PER_MM, size[1]))
    shown = (x > 0) & (x < picture.shape[1] - 1) & (y > 0) & (y < picture.shape[0] - 1)
    side = 2 * round(_EDGE_MM * PX_PER_MM) + 1
    return np.asarray(cv2.erode(shown.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _on_grid(size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where the grid itself was seen: the mesh goes on by `MARGIN` periods on every side.

    A level edge of the sheet would pass for a row. Upright ones do not, and pulses may stand at them.
    """
    out = np.zeros(size[::-1], bool)
    level = round((MARGIN * STEP_MM + _EDGE_MM) * PX_PER_MM)
    upright = round((MARGIN * STEP_MM - _BESIDE_MM) * PX_PER_MM)
    out[level : size[1] - level, upright : size[0] - upright] = True
    return out
