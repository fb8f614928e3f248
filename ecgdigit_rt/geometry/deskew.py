"""A flat sheet that lies askew is laid straight, and its grid looked at once more.

Stage 1 tells the phase of level lines best. On lines turned by 5 to 10 degrees its errors go together over
centimetres, as if the sheet were bent; a surface follows them, and the page loses 3 to 6 dB. Laid straight
by the plane that fits it, such a sheet is flat.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.grid_stage import mesh_from_grid, phase_of_view
from ecgdigit_rt.geometry.homography import apply_homography, fit_homography
from ecgdigit_rt.geometry.locate_stage import Image, downscaled
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN
from ecgdigit_rt.stages import GRID_SIDE

_MAYBE_FLAT = 2.0
"""Bends up to this may be stage 1's: flat sheets seen askew show up to 1.75. Of 20 bent ones, two less."""
_FLAT = 1.4  # seen straight, flat sheets show 0.3 to 1.1 and bent ones 1.75 and more
_MARGIN_MM = MARGIN * STEP_MM  # beside the grid there is nothing to be learned, and stage 1 may see lines
_FINEST = 2.0  # pixels of the view per pixel of the image


@dataclasses.dataclass(frozen=True, slots=True)
class StraightView:
    """A sheet as a plane lays it straight.

    image_from_view: (3, 3), from the view's pixels to the image's; pixel i's centre is at i + 0.5.
    """

    pixels: Image
    image_from_view: NDArray[np.float64]
    image_px_per_px: float


def deskew(runner: Runner, image: Image, mesh: Mesh) -> Mesh:
    """The mesh of a second look, if that shows a plane where the first saw hardly any bend; else `mesh`.

    runner: stage 1's. image: the upright picture in whose pixels `mesh` is.
    """
    if not 1 < mesh.bend <= _MAYBE_FLAT:
        return mesh
    view = deskewed_view(image, mesh)
    try:
        again = mesh_from_grid(phase_of_view(runner, view.pixels, 1.0), _FLAT)
    except NoGridFound:
        return mesh
    if again.bend > _FLAT:
        return mesh
    return dataclasses.replace(
        again,
        pixels=apply_homography(view.image_from_view, again.pixels.astype(np.float64)).astype(np.float32),
        residual_px=again.residual_px * view.image_px_per_px,
    )


def deskewed_view(image: Image, mesh: Mesh) -> StraightView:
    """The paper under `mesh`, through the plane that fits it best, as large as stage 1 looks at pages.

    It is drawn about as fine as the image is and then averaged down, as the first look was: half-tones and
    black-and-white pages look the same.
    """
    u0, v0, u1, v1 = mesh.extent_mm
    image_from_mm = _plane(mesh)
    px_per_mm = float(np.sqrt(np.prod(mesh.px_per_mm((u0 + u1) / 2, (v0 + v1) / 2))))
    width_mm, height_mm = u1 - u0 - 2 * _MARGIN_MM, v1 - v0 - 2 * _MARGIN_MM
    wanted = min(GRID_SIDE / max(width_mm, height_mm), _FINEST * px_per_mm)
    shrink = max(1, int(px_per_mm / wanted))
    if shrink > 1:
        reduced = cv2.resize(image, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        image = np.asarray(reduced, np.uint8)
    drawn = max(wanted, px_per_mm / shrink)  # px/mm
    image_from_drawn = image_from_mm @ np.array(
        [[1 / drawn, 0, u0 + _MARGIN_MM], [0, 1 / drawn, v0 + _MARGIN_MM], [0, 0, 1]]
    )
    size = (int(width_mm * drawn), int(height_mm * drawn))
    reduced_from_drawn = _between_centres(np.diag([1 / shrink, 1 / shrink, 1]) @ image_from_drawn)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    laid = cv2.warpPerspective(image, reduced_from_drawn, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    small, factor = downscaled(np.asarray(laid, np.uint8), GRID_SIDE)
    return StraightView(small, image_from_drawn @ np.diag([factor, factor, 1]), px_per_mm * factor / drawn)


def _plane(mesh: Mesh) -> NDArray[np.float64]:
    """The homography from millimetres to pixels that fits the nodes best."""
    rows, columns = mesh.pixels.shape[:2]
    down, along = np.mgrid[:rows, :columns]
    places = np.stack([along, down], -1).reshape(-1, 2) * mesh.step_mm + np.array(mesh.origin_mm)
    return fit_homography(places, mesh.pixels.reshape(-1, 2).astype(np.float64), np.ones(len(places)))


def _between_centres(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same map for OpenCV, which counts pixel centres from 0."""
    back, forth = np.eye(3), np.eye(3)
    back[:2, 2], forth[:2, 2] = -0.5, 0.5
    return np.asarray(back @ matrix @ forth)
