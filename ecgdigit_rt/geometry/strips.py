"""Sampling of paper strips from the original image, with a single interpolation per pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.stages import (
    COLUMNS_PER_MM,
    PLACES_STEP,
    SIDE_STEP,
    STRIP_HALF_HEIGHT_MM,
    STRIP_PX_PER_MM,
    STRIP_ROWS_PER_MM,
)

_SHRINK_ABOVE = 1.5
"""Image pixels per strip pixel from which the image is averaged down before sampling.

Measured: error of a 0.4 mm trace with sensor noise, first with Lanczos interpolation alone, then with
averaging before it. At 8 px/mm: 0.0085 and 0.0098 mm. At 14 px/mm: 0.0070 and 0.0059 mm. At 20 px/mm: 0.0096
and 0.0051 mm."""

_INTERPOLATION_REACH_PX = 5
"""Number of pixels that an interpolation needs around a position: 4 for Lanczos, and one spare."""


def strip_from_image(
    image: NDArray[np.uint8],
    mesh: Mesh,
    start_mm: float,
    end_mm: float,
    baseline_mm: float,
    half_height_mm: float = STRIP_HALF_HEIGHT_MM,
    interpolation: int = cv2.INTER_CUBIC,
) -> NDArray[np.uint8]:
    """Sample the strip around a row, uint8 (16 * half_height_mm, width, 3).

    The left edge is at start_mm - 0.025 mm. Output column k of the trace stage, which has twice the
    resolution of the strip, therefore has its centre at start_mm + 0.05 mm * k. The width is rounded up to a
    multiple of 32, so that the strip reaches end_mm. The centre of row i is half_height_mm - (i + 0.5) / 8
    millimetres above the baseline. Raises ValueError if the strip is empty.
    """
    corner, size = _strip_box(start_mm, end_mm, baseline_mm, half_height_mm)
    return paper_patch(image, mesh, corner, (STRIP_PX_PER_MM, STRIP_ROWS_PER_MM), size, interpolation)


def strip_coordinates(
    mesh: Mesh,
    start_mm: float,
    end_mm: float,
    baseline_mm: float,
    half_height_mm: float = STRIP_HALF_HEIGHT_MM,
) -> NDArray[np.float32]:
    """Return the image coordinates of a strip, the input of the sampler, (2, rows, columns).

    They are x and y at the centres of square cells of `PLACES_STEP` strip pixels per side, with one
    additional cell beyond each edge. The centre of image pixel i is at i.
    """
    corner, size = _strip_box(start_mm, end_mm, baseline_mm, half_height_mm)
    step = PLACES_STEP / STRIP_PX_PER_MM, PLACES_STEP / STRIP_ROWS_PER_MM
    along, down = ((corner[k] - step[k] / 2, step[k], size[k] // PLACES_STEP + 2) for k in range(2))
    return np.stack(mesh.maps(along, down))


def _strip_box(
    start_mm: float, end_mm: float, baseline_mm: float, half_height_mm: float
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Return the upper left corner of a strip in mm, and its width and height in pixels."""
    if not end_mm > start_mm:
        raise ValueError(f"the strip must end after its start, got {start_mm} to {end_mm} mm")
    width = int(np.ceil((end_mm - start_mm) * STRIP_PX_PER_MM / SIDE_STEP - 1e-9))
    corner = (start_mm - 0.5 / COLUMNS_PER_MM, baseline_mm - half_height_mm)
    return corner, (width * SIDE_STEP, round(2 * half_height_mm * STRIP_ROWS_PER_MM))


def rectify_page(image: NDArray[np.uint8], mesh: Mesh, px_per_mm: float = 8.0) -> NDArray[np.uint8]:
    """Sample the whole mesh as a flat page, uint8 (h, w, 3). Its top left corner is the first node."""
    u0, v0, u1, v1 = mesh.extent_mm
    size = (round((u1 - u0) * px_per_mm), round((v1 - v0) * px_per_mm))
    return paper_patch(image, mesh, (u0, v0), (px_per_mm, px_per_mm), size, cv2.INTER_LINEAR)


def paper_patch(
    image: NDArray[np.uint8],
    mesh: Mesh,
    corner_mm: tuple[float, float],
    px_per_mm: tuple[float, float],
    size: tuple[int, int],
    interpolation: int,
) -> NDArray[np.uint8]:
    """Sample an upright rectangle of paper, (height, width, channels). `size` is (width, height)."""
    step = (1 / px_per_mm[0], 1 / px_per_mm[1])
    middle = [corner_mm[k] + size[k] * step[k] / 2 for k in range(2)]
    along, high = mesh.px_per_mm(middle[0], middle[1])
    map_x, map_y = mesh.maps(
        (corner_mm[0] + step[0] / 2, step[0], size[0]),
        (corner_mm[1] + step[1] / 2, step[1], size[1]),
    )
    ratio = float(np.sqrt(along * step[0] * high * step[1]))
    return sample_image(image, map_x, map_y, ratio, interpolation)


def image_px_per_strip_px(mesh: Mesh) -> float:
    """Return the number of image pixels per strip pixel in the middle of the sheet."""
    u0, v0, u1, v1 = mesh.extent_mm
    along, high = mesh.px_per_mm((u0 + u1) / 2, (v0 + v1) / 2)
    return float(np.sqrt(along * high / (STRIP_PX_PER_MM * STRIP_ROWS_PER_MM)))


def downscale_factor(ratio: float) -> int:
    """Return the factor by which an image with `ratio` pixels per sampled pixel is averaged down."""
    return 1 if ratio < _SHRINK_ABOVE else max(2, int(ratio))


def sample_image(
    image: NDArray[np.uint8],
    map_x: NDArray[np.float32],
    map_y: NDArray[np.float32],
    ratio: float,
    interpolation: int,
) -> NDArray[np.uint8]:
    """Sample an image at `cv2.remap` maps, after averaging it down if its resolution is much higher.

    `ratio` is the number of image pixels per sampled pixel, along one axis. The maps may be modified in
    place.
    """
    shrink = downscale_factor(ratio)
    if shrink > 1:
        for coordinates in (map_x, map_y):
            coordinates += np.float32(0.5)
            coordinates /= np.float32(shrink)
            coordinates -= np.float32(0.5)
        image, offset = _downscaled_part(image, map_x, map_y, shrink)
        map_x -= np.float32(offset[0])
        map_y -= np.float32(offset[1])
    sampled = cv2.remap(image, map_x, map_y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.uint8)


def _downscaled_part(
    image: NDArray[np.uint8],
    map_x: NDArray[np.float32],
    map_y: NDArray[np.float32],
    shrink: int,
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Return the part of the image that the maps use, averaged down, and its corner.

    The maps and the corner are in reduced pixels. The part is cut at whole reduced pixels, so that each
    reduced pixel is the mean of shrink × shrink original pixels.
    """
    size = (image.shape[1] // shrink, image.shape[0] // shrink)
    first, last = [], []
    for coordinates, length in ((map_x, size[0]), (map_y, size[1])):
        low = int(np.clip(np.floor(coordinates.min()) - _INTERPOLATION_REACH_PX, 0, max(length - 1, 0)))
        high = int(np.clip(np.ceil(coordinates.max()) + _INTERPOLATION_REACH_PX, low + 1, max(length, 1)))
        first.append(low)
        last.append(high)
    part = image[
        first[1] * shrink : last[1] * shrink,
        first[0] * shrink : last[0] * shrink,
    ]
    reduced = cv2.resize(part, (last[0] - first[0], last[1] - first[1]), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8), (float(first[0]), float(first[1]))
