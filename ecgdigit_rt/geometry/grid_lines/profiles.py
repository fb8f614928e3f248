"""Mean grey level of the paper along the rows, in bands of rows. Curves and text are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh

Values = NDArray[np.float64]
Box = tuple[float, float, float, float]

PX_PER_MM = 12.0
"""Resolution along the rows. Three harmonics of lines 1 mm apart need at least 6 px/mm."""
BAND_MM = 20.0  # height of a band
_ROWS_PER_MM = 4.0  # resolution across the rows
_MAP_STEP = 4  # samples between the positions that the mesh computes

_MAX_INK_CONTRAST, _MIN_PAPER_GREY = 70, 90
"""Darkness relative to the surroundings above which a pixel is ink, and grey level of the surroundings below
which it is ignored."""
_LINE_FRACTION = 0.6
"""Fraction of the rows of a band above which ink in a column is a black grid line. Curves and text cover
less."""
_MIN_VISIBLE = 0.15  # minimum fraction of the rows of a band that are not ink


@dataclass(frozen=True, slots=True)
class BandProfiles:
    """Profiles of the paper, (bands, samples), and where they are.

    grey: mean grey level of the paper. Samples that are hidden in a whole band are interpolated.
    rows: number of rows in each mean.
    box: first u, first v, last u and last v of the paper in mm.
    """

    grey: Values
    rows: Values
    box: Box

    @property
    def u_mm(self) -> Values:
        """Positions of the samples (samples,)."""
        return np.asarray(self.box[0] + (np.arange(self.grey.shape[1]) + 0.5) / PX_PER_MM)

    @property
    def common(self) -> Values:
        """Profile of all bands together (samples,)."""
        return np.asarray(np.average(self.grey, axis=0, weights=np.maximum(self.rows, 1e-6)))


def darkest_channel(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the minimum of the three channels of an image, uint8 (height, width)."""
    red, green, blue = cv2.split(image)
    return np.asarray(cv2.min(cv2.min(red, green), blue), np.uint8)


def band_profiles(mesh: Mesh, image: NDArray[np.uint8], box: Box) -> BandProfiles:
    """Average the paper inside `box` over bands. `image` is uint8 (height, width)."""
    rows = round(BAND_MM * _ROWS_PER_MM)
    bands = int((box[3] - box[1]) / BAND_MM)
    size = int((box[2] - box[0]) * PX_PER_MM), bands * rows
    grey = _sampled(mesh, image, box[:2], size)
    around = cv2.blur(grey, (31, 11))
    ink = (cv2.subtract(around, grey) > _MAX_INK_CONTRAST) | (around < _MIN_PAPER_GREY)
    paper = 1 - cv2.dilate(ink.astype(np.uint8), np.ones((3, 7), np.uint8))
    count, total = (_band_sums(values, bands) for values in (paper, grey * paper))
    is_line = count < (1 - _LINE_FRACTION) * rows
    count[is_line], total[is_line] = rows, _band_sums(grey, bands)[is_line]
    profiles = total / np.maximum(count, 1)
    at = np.arange(size[0])
    for profile, seen in zip(profiles, count >= _MIN_VISIBLE * rows, strict=True):
        profile[:] = np.interp(at, at[seen], profile[seen]) if seen.any() else 0.0
    return BandProfiles(profiles, count, box)


def _sampled(
    mesh: Mesh, image: NDArray[np.uint8], corner_mm: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Sample an upright rectangle of paper, (height, width). `size` is (width, height).

    A mesh is smooth, so its positions are interpolated linearly between every fourth sample.
    """
    axes = []
    for first, count, per_mm in zip(corner_mm, size, (PX_PER_MM, _ROWS_PER_MM), strict=True):
        axes.append((first + _MAP_STEP / 2 / per_mm, _MAP_STEP / per_mm, -(-count // _MAP_STEP)))
    whole = tuple(_MAP_STEP * axis[2] for axis in axes)
    maps = [
        cv2.resize(coarse, whole, interpolation=cv2.INTER_LINEAR)[: size[1], : size[0]]
        for coarse in mesh.maps(axes[0], axes[1])
    ]
    return np.asarray(
        cv2.remap(image, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _band_sums(values: NDArray[Any], bands: int) -> Values:
    """Return the sums over the rows of each band, (bands, columns)."""
    parts = np.split(values, bands)
    return np.concatenate(
        [cv2.reduce(part, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S) for part in parts], dtype=np.float64
    )
