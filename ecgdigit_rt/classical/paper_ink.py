"""Ink density of a page on flat paper, without its grid lines and shadows.

The image is sampled through the mesh. Ink is darker than the surrounding paper and does not repeat with the
period of the grid. `PaperInk` is the whole page at a low resolution, for a fast search for rows and marks.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import NoRowsFound
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN_PERIODS
from ecgdigit_rt.geometry.strips import paper_patch

Float = NDArray[np.float32]

# Hand-picked, not tuned.
PX_PER_MM = 4  # resolution of the whole page
_PAPER_WINDOW_MM = 3.0  # side of the window for the brightness of the paper; wider than any stroke
_PERIOD_MM = 5.0  # period of the major lines
_MIN_PERIODS = 3  # minimum number of periods from which the density of lines is measured
_LINE_STRIDE = 5  # distance in pixels between the measured pixels of a line
_EDGE_MM = 2.5  # ignored border of the image and the grid: frames, shadows and the edge of the sheet
_BESIDE_GRID_MM = 8.0  # width of the included area to the left and right of the grid, for pulses
_STROKE_QUANTILE = 0.993  # quantile of the page taken as the density of strokes; assumes 0.7 % of ink
_LEVEL_SHARE = 0.45  # threshold of ink, relative to the density of strokes
_MIN_STROKE_DENSITY = 0.1  # minimum density of strokes


@dataclass(frozen=True, slots=True)
class PaperInk:
    """Ink density of the whole page, upright or rotated.

    `ink` is float32 (rows, columns), 0 to 1, with `PX_PER_MM` pixels per millimetre. `corner_mm` is the
    position of the first pixel. Densities above `level` are ink.
    """

    ink: Float
    corner_mm: tuple[float, float]
    level: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Mask of the ink, of the same shape."""
        return self.ink > self.level

    def rotated(self, quarter_turns: int) -> PaperInk:
        """Return the page rotated counterclockwise. Its first pixel keeps the position `corner_mm`."""
        ink = np.ascontiguousarray(np.rot90(self.ink, quarter_turns))
        return dataclasses.replace(self, ink=ink)


def brightest_channel(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightest channel of an image (height, width, 3).

    Coloured grid lines are bright in at least one channel. Ink is dark in all channels.
    """
    return np.asarray(cv2.max(cv2.max(image[..., 0], image[..., 1]), image[..., 2]), np.uint8)


def paper_ink(bright: NDArray[np.uint8], mesh: Mesh) -> PaperInk:
    """Return the ink of the whole page. `bright` is its `brightest_channel`.

    Raises NoRowsFound if the page is blank.
    """
    u0, v0, u1, v1 = mesh.extent_mm
    size = (round((u1 - u0) * PX_PER_MM), round((v1 - v0) * PX_PER_MM))
    ink = ink_patch(bright, mesh, (u0, v0), (PX_PER_MM, PX_PER_MM), size)
    valid = _image_mask(bright, mesh, (u0, v0), size) & _grid_mask(size)
    ink[~valid] = 0
    strokes = float(np.quantile(ink[valid][::3], _STROKE_QUANTILE)) if valid.any() else 0.0
    level = _LEVEL_SHARE * strokes
    if level < _MIN_STROKE_DENSITY * _LEVEL_SHARE:
        raise NoRowsFound("no ink is darker than the paper and its grid lines")
    return PaperInk(ink, (u0, v0), level)


def ink_patch(
    bright: NDArray[np.uint8],
    mesh: Mesh,
    corner_mm: tuple[float, float],
    px_per_mm: tuple[float, float],
    size: tuple[int, int],
) -> Float:
    """Return the ink density of a flat patch, float32 (height, width): 0 for paper and lines, 1 for black.

    `bright` is the `brightest_channel` of an image. `size` is (width, height) in pixels. Division by the
    brightness of the surrounding paper removes shadows and stains. Subtraction of the median over all periods
    removes the remaining grid lines.
    """
    patch = paper_patch(bright, mesh, corner_mm, px_per_mm, size, cv2.INTER_CUBIC)
    dark = np.asarray(1 - patch / np.maximum(_paper_brightness(patch, px_per_mm), 1), np.float32)
    phases = [
        np.floor(((corner_mm[k] + (np.arange(size[k]) + 0.5) / px_per_mm[k]) % _PERIOD_MM) * px_per_mm[k])
        for k in range(2)
    ]
    dark -= _line_density(dark, phases[0])[None, :]
    dark -= _line_density(dark.T, phases[1])[:, None]
    return np.clip(dark, 0, 1).astype(np.float32)


def _paper_brightness(patch: NDArray[np.uint8], px_per_mm: tuple[float, float]) -> Float:
    """Return the brightness of the paper around every pixel, float32: the smoothed local maximum."""
    box = (round(_PAPER_WINDOW_MM * px_per_mm[0]) | 1, round(_PAPER_WINDOW_MM * px_per_mm[1]) | 1)
    smooth = cv2.blur(patch, (3, 3))  # otherwise a single bright pixel would count as paper
    return np.asarray(cv2.blur(cv2.dilate(smooth, np.ones(box[::-1], np.uint8)), box), np.float32)


def _line_density(dark: Float, phase: NDArray[np.floating]) -> Float:
    """Return the density of the vertical grid lines in every column, float32 (columns,).

    `dark` is (rows, columns). `phase` is the position within the grid period in whole pixels, (columns,). The
    density is the median over all columns of the same phase, or 0 if there are fewer than `_MIN_PERIODS`.
    Traces hardly change it, because they cross the lines or follow only one of many lines.
    """
    columns = np.median(dark[::_LINE_STRIDE], axis=0).astype(np.float32)
    out = np.empty_like(columns)
    for value in np.unique(phase):
        same = phase == value
        out[same] = np.median(columns[same]) if np.count_nonzero(same) >= _MIN_PERIODS else 0
    return out


def _image_mask(
    image: NDArray[np.uint8], mesh: Mesh, corner_mm: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return the mask of the paper inside the image, without a border of `_EDGE_MM`."""
    x, y = mesh.maps((corner_mm[0], 1 / PX_PER_MM, size[0]), (corner_mm[1], 1 / PX_PER_MM, size[1]))
    inside = (x > 0) & (x < image.shape[1] - 1) & (y > 0) & (y < image.shape[0] - 1)
    side = 2 * round(_EDGE_MM * PX_PER_MM) + 1
    return np.asarray(cv2.erode(inside.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _grid_mask(size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask of the part of the mesh that may contain rows and pulses.

    The mesh extends beyond the detected grid by `MARGIN_PERIODS` on every side. A horizontal edge of the
    sheet could be mistaken for a row, so the mask ends inside the grid at the top and bottom. Vertical edges
    cannot be mistaken for rows, and pulses may be next to the grid, so the mask includes `_BESIDE_GRID_MM` on
    the left and right.
    """
    out = np.zeros(size[::-1], bool)
    horizontal = round((MARGIN_PERIODS * STEP_MM + _EDGE_MM) * PX_PER_MM)
    vertical = round((MARGIN_PERIODS * STEP_MM - _BESIDE_GRID_MM) * PX_PER_MM)
    out[horizontal : size[1] - horizontal, vertical : size[0] - vertical] = True
    return out
