"""Host side of stage 1: from the upright sheet to the mesh of its grid."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.geometry.ink_mask import mask_near_ink
from ecgdigit_rt.geometry.locate_stage import Located, pad_to_step, stage1_view
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase
from ecgdigit_rt.stages import MAP_STRIDE

# Chosen, not tuned. The mask itself is worth 0.2 dB on photos and crumpled sheets.
_INK_REACH_CELLS = 2
_INK_WEIGHT = 0.05  # factor of the confidence near ink


@dataclasses.dataclass(frozen=True, slots=True)
class GridPhase:
    """Phase fields of the grid, two complex arrays (rows, columns).

    phase_u is exp(2πi · u / 5 mm) times its confidence (0 to 1); phase_v is the same for v. A field pixel
    covers `cell_px` original pixels, and the fields start at `corner_px` of the upright image.
    """

    phase_u: NDArray[np.complex64]
    phase_v: NDArray[np.complex64]
    cell_px: float
    corner_px: tuple[int, int]


def grid_phase(runner: Runner, located: Located) -> GridPhase:
    """Run stage 1 on the sheet."""
    left, top, right, bottom = located.page_px
    fills_image = (left, top, right, bottom) == (0, 0, located.image.shape[1], located.image.shape[0])
    view, factor = located.view if fills_image else stage1_view(located.image[top:bottom, left:right])
    return phase_from_view(runner, view, factor, (left, top))


def phase_from_view(
    runner: Runner, view: NDArray[np.uint8], factor: float, corner_px: tuple[int, int] = (0, 0)
) -> GridPhase:
    """Run stage 1 on an image of its input size, with `factor` original pixels per pixel."""
    phase = runner.run({"pixels": pad_to_step(view)[None]})["phase"][0]
    rows, columns = (-(-side // MAP_STRIDE) for side in view.shape[:2])
    phase = phase[:, :rows, :columns]
    # A steep stroke resembles a grid line and biases the mesh exactly at QRS complexes.
    near_ink = mask_near_ink(view, MAP_STRIDE, _INK_REACH_CELLS)
    phase = np.where(near_ink, np.float32(_INK_WEIGHT), np.float32(1)) * phase
    phase_u = (phase[0] + 1j * phase[1]).astype(np.complex64)
    phase_v = (phase[2] + 1j * phase[3]).astype(np.complex64)
    return GridPhase(phase_u, phase_v, factor * MAP_STRIDE, corner_px)


def mesh_from_grid(phase: GridPhase, max_nonplanarity: float = 1.0) -> Mesh:
    """Return the mesh in pixels of the upright image. Raises NoGridFound.

    The mesh is a plane if the sheet's nonplanarity is at most `max_nonplanarity`.
    """
    mesh = mesh_from_phase(phase.phase_u, phase.phase_v, phase.cell_px, max_nonplanarity)
    return dataclasses.replace(mesh, pixels=mesh.pixels + np.array(phase.corner_px, np.float32))
