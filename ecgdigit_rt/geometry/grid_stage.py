"""Host code of the grid stage: from the upright sheet to the mesh of its grid."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.geometry.ink_mask import mask_near_ink
from ecgdigit_rt.geometry.locate_stage import Located, grid_stage_view, pad_to_step
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase
from ecgdigit_rt.stages import MAP_STRIDE

# Hand-picked, not tuned. Measured: the mask gains 0.2 dB on photos and crumpled sheets.
_INK_REACH_CELLS = 2  # distance from ink within which the confidence is reduced
_INK_WEIGHT = 0.05  # factor applied to the confidence near ink


@dataclasses.dataclass(frozen=True, slots=True)
class GridPhase:
    """Phase fields of the grid, two complex arrays (rows, columns).

    phase_u is exp(2πi · u / 5 mm) times its confidence (0 to 1); phase_v is the same for v. A field pixel is
    `cell_px` original pixels wide and high. The top left corner of the fields is at `corner_px` in the
    upright image.
    """

    phase_u: NDArray[np.complex64]
    phase_v: NDArray[np.complex64]
    cell_px: float
    corner_px: tuple[int, int]


def grid_phase(runner: Runner, located: Located) -> GridPhase:
    """Run the grid stage on the sheet. `located.view` is reused if the sheet fills the image."""
    left, top, right, bottom = located.page_px
    fills_image = (left, top, right, bottom) == (0, 0, located.image.shape[1], located.image.shape[0])
    view, factor = located.view if fills_image else grid_stage_view(located.image[top:bottom, left:right])
    return phase_from_view(runner, view, factor, (left, top))


def phase_from_view(
    runner: Runner, view: NDArray[np.uint8], factor: float, corner_px: tuple[int, int] = (0, 0)
) -> GridPhase:
    """Run the grid stage on a view.

    `factor` is the number of original pixels per view pixel. `corner_px` is the top left corner of the view
    in the upright image.
    """
    phase = runner.run({"pixels": pad_to_step(view)[None]})["phase"][0]
    rows, columns = (-(-side // MAP_STRIDE) for side in view.shape[:2])
    phase = phase[:, :rows, :columns]
    # A steep stroke resembles a grid line and would bias the mesh, especially at QRS complexes.
    near_ink = mask_near_ink(view, MAP_STRIDE, _INK_REACH_CELLS)
    phase = np.where(near_ink, np.float32(_INK_WEIGHT), np.float32(1)) * phase
    phase_u = (phase[0] + 1j * phase[1]).astype(np.complex64)
    phase_v = (phase[2] + 1j * phase[3]).astype(np.complex64)
    return GridPhase(phase_u, phase_v, factor * MAP_STRIDE, corner_px)


def mesh_from_grid(phase: GridPhase, max_nonplanarity: float = 1.0) -> Mesh:
    """Fit the mesh, with nodes in pixels of the upright image. Raises NoGridFound.

    The mesh is exactly planar if the nonplanarity of the sheet is at most `max_nonplanarity`.
    """
    mesh = mesh_from_phase(phase.phase_u, phase.phase_v, phase.cell_px, max_nonplanarity)
    return dataclasses.replace(mesh, pixels=mesh.pixels + np.array(phase.corner_px, np.float32))
