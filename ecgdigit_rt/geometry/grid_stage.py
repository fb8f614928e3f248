"""Stage 1's host side: from the upright sheet to the mesh of its grid."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.geometry.ink_mask import mask_near_ink
from ecgdigit_rt.geometry.locate_stage import Located, padded, stage1_view
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase
from ecgdigit_rt.stages import MAP_STRIDE

_INK_REACH = 2  # cells
_NEAR_INK = 0.05  # what confidence is left near ink


@dataclasses.dataclass(frozen=True, slots=True)
class GridPhase:
    """Two complex fields (rows, columns): exp(2πi·u/5 mm) and the same for v, times their confidence.

    A field pixel covers `cell_px` original pixels; the fields begin at `corner_px`.
    """

    along: NDArray[np.complex64]
    down: NDArray[np.complex64]
    cell_px: float
    corner_px: tuple[int, int]


def grid_phase(runner: Runner, located: Located) -> GridPhase:
    """Run stage 1 on the sheet."""
    left, top, right, bottom = located.page_px
    fills_picture = (left, top, right, bottom) == (0, 0, located.image.shape[1], located.image.shape[0])
    sheet = located.view if fills_picture else stage1_view(located.image[top:bottom, left:right])
    small, factor = sheet
    return phase_of_view(runner, small, factor, (left, top))


def phase_of_view(
    runner: Runner, view: NDArray[np.uint8], factor: float, corner_px: tuple[int, int] = (0, 0)
) -> GridPhase:
    """Run stage 1 on a picture no larger than it wants, of `factor` original pixels a pixel."""
    phase = runner.run({"pixels": padded(view)[None]})["phase"][0]
    rows, columns = (-(-side // MAP_STRIDE) for side in view.shape[:2])
    phase = phase[:, :rows, :columns]
    # A steep stroke passes for a grid line, and pulls the mesh exactly where QRS complexes stand.
    phase = (
        np.where(mask_near_ink(view, MAP_STRIDE, _INK_REACH), np.float32(_NEAR_INK), np.float32(1)) * phase
    )
    along = (phase[0] + 1j * phase[1]).astype(np.complex64)
    down = (phase[2] + 1j * phase[3]).astype(np.complex64)
    return GridPhase(along, down, factor * MAP_STRIDE, corner_px)


def mesh_from_grid(phase: GridPhase, most_bend: float = 1.0) -> Mesh:
    """The mesh in the upright picture's pixels, a plane up to `most_bend`. Raises NoGridFound."""
    mesh = mesh_from_phase(phase.along, phase.down, phase.cell_px, most_bend)
    return dataclasses.replace(mesh, pixels=mesh.pixels + np.array(phase.corner_px, np.float32))
