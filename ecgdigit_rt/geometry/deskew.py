"""Second run of the grid stage on a flat but rotated sheet, after deskewing the sheet.

The grid stage is most accurate on level lines. On lines rotated by 5 to 10 degrees, its errors are correlated
over centimetres, as if the sheet were bent. A fitted surface follows these errors, and the page loses 3 to 6
dB. The sheet is therefore deskewed with the homography that best fits its grid, and the grid stage measures
the deskewed sheet, on which the lines are level.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_kernels.homography import fit_homography
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.grid_stage import mesh_from_grid, phase_from_view
from ecgdigit_rt.geometry.homography import apply_homography
from ecgdigit_rt.geometry.locate_stage import Image, downscale
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN_PERIODS
from ecgdigit_rt.stages import GRID_SIDE

_MAX_AMBIGUOUS = 2.0
"""Maximum nonplanarity that errors of the grid stage alone may cause. Measured: up to 1.75 on rotated flat
sheets. Two of 20 bent sheets are also below this limit."""

_MAX_FLAT = 1.4
"""Maximum nonplanarity of a flat sheet after deskewing. Measured: 0.3 to 1.1 on flat sheets, at least 1.75 on
bent sheets."""

_MARGIN_MM = MARGIN_PERIODS * STEP_MM
"""Width of the mesh's margin. The view excludes the margin: it contains no grid, but the grid stage might
detect lines there."""

_MAX_ENLARGEMENT = 2.0
"""Maximum number of view pixels per image pixel along one axis. Hand-picked, not tuned. The view of the first
run has the same limit."""


@dataclasses.dataclass(frozen=True, slots=True)
class DeskewedView:
    """Sheet rectified by a homography.

    pixels: (height, width, 3) uint8. image_from_view: (3, 3), from view pixels to image pixels. The centre of
    pixel i is at i + 0.5 in both. image_px_per_px: number of image pixels per view pixel.
    """

    pixels: Image
    image_from_view: NDArray[np.float64]
    image_px_per_px: float


def deskew(runner: Runner, image: Image, mesh: Mesh) -> Mesh:
    """Return the mesh of a deskewed view if the view shows a flat sheet, otherwise `mesh`.

    The grid is measured again only if the nonplanarity of `mesh` is above 1 and at most `_MAX_AMBIGUOUS`.
    `runner` runs the grid stage. `image` is the upright image that `mesh` belongs to.
    """
    if not 1 < mesh.nonplanarity <= _MAX_AMBIGUOUS:
        return mesh
    view = deskewed_view(image, mesh)
    try:
        flat = mesh_from_grid(phase_from_view(runner, view.pixels, 1.0), _MAX_FLAT)
    except NoGridFound:
        return mesh
    if flat.nonplanarity > _MAX_FLAT:
        return mesh
    return dataclasses.replace(
        flat,
        pixels=apply_homography(view.image_from_view, flat.pixels.astype(np.float64)).astype(np.float32),
        residual_px=flat.residual_px * view.image_px_per_px,
    )


def deskewed_view(image: Image, mesh: Mesh) -> DeskewedView:
    """Rectify the sheet by the homography that best fits the mesh, at the input size of the grid stage.

    The view is sampled at about the resolution of the image and then averaged down, like the view of the
    first run. Halftones and black-and-white pages therefore look similar in both views. The view is smaller
    than the input size if `_MAX_ENLARGEMENT` limits it.
    """
    u0, v0, u1, v1 = mesh.extent_mm
    image_from_mm = _plane_from_mesh(mesh)
    px_per_mm = float(np.sqrt(np.prod(mesh.px_per_mm((u0 + u1) / 2, (v0 + v1) / 2))))
    width_mm, height_mm = u1 - u0 - 2 * _MARGIN_MM, v1 - v0 - 2 * _MARGIN_MM
    view_px_per_mm = min(GRID_SIDE / max(width_mm, height_mm), _MAX_ENLARGEMENT * px_per_mm)
    shrink = max(1, int(px_per_mm / view_px_per_mm))
    if shrink > 1:
        reduced = cv2.resize(image, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        image = np.asarray(reduced, np.uint8)
    sampled_px_per_mm = max(view_px_per_mm, px_per_mm / shrink)
    image_from_sampled = image_from_mm @ np.array(
        [[1 / sampled_px_per_mm, 0, u0 + _MARGIN_MM], [0, 1 / sampled_px_per_mm, v0 + _MARGIN_MM], [0, 0, 1]]
    )
    size = (int(width_mm * sampled_px_per_mm), int(height_mm * sampled_px_per_mm))
    reduced_from_sampled = _opencv_matrix(np.diag([1 / shrink, 1 / shrink, 1]) @ image_from_sampled)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpPerspective(
        image, reduced_from_sampled, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    view, factor = downscale(np.asarray(sampled, np.uint8), GRID_SIDE)
    image_from_view = image_from_sampled @ np.diag([factor, factor, 1])
    return DeskewedView(view, image_from_view, px_per_mm * factor / sampled_px_per_mm)


def _plane_from_mesh(mesh: Mesh) -> NDArray[np.float64]:
    """Return the homography from millimetres to pixels that best fits the nodes."""
    rows, columns = mesh.pixels.shape[:2]
    row, column = np.mgrid[:rows, :columns]
    node_mm = np.stack([column, row], -1).reshape(-1, 2) * mesh.step_mm + np.array(mesh.origin_mm)
    return fit_homography(node_mm, mesh.pixels.reshape(-1, 2).astype(np.float64), np.ones(len(node_mm)))


def _opencv_matrix(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert a homography between pixels to OpenCV's convention, in which pixel centres are at integers."""
    to_integers, from_integers = np.eye(3), np.eye(3)
    to_integers[:2, 2], from_integers[:2, 2] = -0.5, 0.5
    return np.asarray(to_integers @ matrix @ from_integers)
