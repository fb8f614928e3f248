"""Strips of paper, each sampled once, from the original image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.stages import COLUMNS_PER_MM as OUTPUT_PX_PER_MM
from ecgdigit_rt.stages import PLACES_STEP
from ecgdigit_rt.stages import SIDE_STEP as WIDTH_MULTIPLE
from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM as HALF_HEIGHT_MM
from ecgdigit_rt.stages import STRIP_PX_PER_MM as PX_PER_MM_ALONG
from ecgdigit_rt.stages import STRIP_ROWS_PER_MM as PX_PER_MM_HIGH

_SHRINK_ABOVE = 1.5
"""Image resolution over the strip's, from which the image is averaged down before sampling.

A 0.4 mm curve with sensor noise at 14 px/mm: 0.0070 mm error with Lanczos alone, 0.0059 mm
averaged down first; at 20 px/mm 0.0096 and 0.0051, at 8 px/mm 0.0085 and 0.0098.
"""


def strip_from_image(
    image: NDArray[np.uint8],
    mesh: Mesh,
    start_mm: float,
    end_mm: float,
    baseline_mm: float,
    half_height_mm: float = HALF_HEIGHT_MM,
    interpolation: int = cv2.INTER_CUBIC,
) -> NDArray[np.uint8]:
    """The strip around a row, uint8 (16 * half_height_mm, width, 3); width is a multiple of 32.

    The strip's left edge is at start_mm - 0.025 mm, so that the trace's output column k, at twice
    the strip's width, has its centre at start_mm + 0.05 mm * k. It reaches end_mm at least; the
    width is rounded up. Row i's centre is half_height_mm - (i + 0.5) / 8 above the baseline.
    """
    corner, size = _strip_box(start_mm, end_mm, baseline_mm, half_height_mm)
    return paper_patch(image, mesh, corner, (PX_PER_MM_ALONG, PX_PER_MM_HIGH), size, interpolation)


def strip_places(
    mesh: Mesh,
    start_mm: float,
    end_mm: float,
    baseline_mm: float,
    half_height_mm: float = HALF_HEIGHT_MM,
) -> NDArray[np.float32]:
    """Where the cells of such a strip lie in the image, as the sampler graph takes it: (2, down, along).

    x and y, the centre of pixel i at i, of every PLACES_STEP pixels' middle, and one cell beyond each edge.
    """
    corner, size = _strip_box(start_mm, end_mm, baseline_mm, half_height_mm)
    step = PLACES_STEP / PX_PER_MM_ALONG, PLACES_STEP / PX_PER_MM_HIGH
    along, down = ((corner[k] - step[k] / 2, step[k], size[k] // PLACES_STEP + 2) for k in range(2))
    return np.stack(mesh.maps(along, down))


def _strip_box(
    start_mm: float, end_mm: float, baseline_mm: float, half_height_mm: float
) -> tuple[tuple[float, float], tuple[int, int]]:
    """A strip's upper left corner on paper, and its width and height in pixels."""
    if not end_mm > start_mm:
        raise ValueError(f"the strip must have a length, got {start_mm} to {end_mm} mm")
    width = int(np.ceil((end_mm - start_mm) * PX_PER_MM_ALONG / WIDTH_MULTIPLE - 1e-9))
    corner = (start_mm - 0.5 / OUTPUT_PX_PER_MM, baseline_mm - half_height_mm)
    return corner, (width * WIDTH_MULTIPLE, round(2 * half_height_mm * PX_PER_MM_HIGH))


def rectified_page(image: NDArray[np.uint8], mesh: Mesh, px_per_mm: float = 8.0) -> NDArray[np.uint8]:
    """The whole mesh laid flat, for pictures: uint8 (h, w, 3), the mesh's first node at (0, 0)."""
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
    """An upright rectangle of paper, (height, width, channels); size is (width, height)."""
    step = (1 / px_per_mm[0], 1 / px_per_mm[1])
    middle = [corner_mm[k] + size[k] * step[k] / 2 for k in range(2)]
    along, high = mesh.px_per_mm(middle[0], middle[1])
    map_x, map_y = mesh.maps(
        (corner_mm[0] + step[0] / 2, step[0], size[0]),
        (corner_mm[1] + step[1] / 2, step[1], size[1]),
    )
    ratio = float(np.sqrt(along * step[0] * high * step[1]))
    return sample_image(image, map_x, map_y, ratio, interpolation)


def strip_ratio(mesh: Mesh) -> float:
    """Pixels of the image per pixel of a strip, in the middle of the sheet."""
    u0, v0, u1, v1 = mesh.extent_mm
    along, high = mesh.px_per_mm((u0 + u1) / 2, (v0 + v1) / 2)
    return float(np.sqrt(along * high / (PX_PER_MM_ALONG * PX_PER_MM_HIGH)))


def shrink_for(ratio: float) -> int:
    """By how much an image with so many pixels per pixel of a strip is averaged down first."""
    return 1 if ratio < _SHRINK_ABOVE else max(2, int(ratio))


def sample_image(
    image: NDArray[np.uint8],
    map_x: NDArray[np.float32],
    map_y: NDArray[np.float32],
    ratio: float,
    interpolation: int,
) -> NDArray[np.uint8]:
    """The picture that `cv2.remap` maps describe; an image much finer than it is averaged down first.

    ratio: pixels of the image per pixel of the picture. The maps may be changed.
    """
    shrink = shrink_for(ratio)
    if shrink > 1:
        for places in (map_x, map_y):
            places += np.float32(0.5)
            places /= np.float32(shrink)
            places -= np.float32(0.5)
        image, offset = _shrunk(image, map_x, map_y, shrink)
        map_x -= np.float32(offset[0])
        map_y -= np.float32(offset[1])
    strip = cv2.remap(image, map_x, map_y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(strip, np.uint8)


def _shrunk(
    image: NDArray[np.uint8],
    map_x: NDArray[np.float32],
    map_y: NDArray[np.float32],
    shrink: int,
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """The part of the image that the maps touch, averaged down, and where it begins.

    The maps and the beginning count reduced pixels. The cut is at whole reduced pixels, so each of
    them is the mean of shrink x shrink original ones.
    """
    reach = 5  # of the interpolation, with one to spare
    size = (image.shape[1] // shrink, image.shape[0] // shrink)
    first, last = [], []
    for places, length in ((map_x, size[0]), (map_y, size[1])):
        low = int(np.clip(np.floor(places.min()) - reach, 0, max(length - 1, 0)))
        high = int(np.clip(np.ceil(places.max()) + reach, low + 1, max(length, 1)))
        first.append(low)
        last.append(high)
    part = image[
        first[1] * shrink : last[1] * shrink,
        first[0] * shrink : last[0] * shrink,
    ]
    reduced = cv2.resize(part, (last[0] - first[0], last[1] - first[1]), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8), (float(first[0]), float(first[1]))
