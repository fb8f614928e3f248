"""How dark a piece of flat paper is beyond its grid and its shades: what ink is left on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import paper_patch

Float = NDArray[np.float32]

_PAPER_MM = 3.0  # wider than any stroke
_PERIOD_MM = 5.0
_LEAST_PERIODS = 3
_SAMPLE = 5  # every so many pixels are enough to know a line by


def brightness(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The brightest channel of (height, width, 3): lines of any colour are bright in one, ink in none."""
    return np.asarray(cv2.max(cv2.max(image[..., 0], image[..., 1]), image[..., 2]), np.uint8)


def ink_patch(
    bright: NDArray[np.uint8],
    mesh: Mesh,
    corner_mm: tuple[float, float],
    px_per_mm: tuple[float, float],
    size: tuple[int, int],
) -> Float:
    """A flat patch of `size` (width, height): float32 (height, width), 0 on paper and grid lines, 1 is black.

    bright: (height, width), a picture's `brightness`. Shades and stains go with the paper around; what grey
    of the grid's lines is left goes with their median over all periods.
    """
    patch = paper_patch(bright, mesh, corner_mm, px_per_mm, size, cv2.INTER_CUBIC)
    dark = np.asarray(1 - patch / np.maximum(_paper(patch, px_per_mm), 1), np.float32)
    phases = [
        np.floor(((corner_mm[k] + (np.arange(size[k]) + 0.5) / px_per_mm[k]) % _PERIOD_MM) * px_per_mm[k])
        for k in range(2)
    ]
    dark -= _lines(dark, phases[0])[None, :]
    dark -= _lines(dark.T, phases[1])[:, None]
    return np.clip(dark, 0, 1).astype(np.float32)


def _paper(patch: NDArray[np.uint8], px_per_mm: tuple[float, float]) -> Float:
    """The paper's brightness around every pixel, float32: the brightest nearby, smoothed."""
    box = (round(_PAPER_MM * px_per_mm[0]) | 1, round(_PAPER_MM * px_per_mm[1]) | 1)
    calm = cv2.blur(patch, (3, 3))  # or one bright speck would be the paper
    return np.asarray(cv2.blur(cv2.dilate(calm, np.ones(box[::-1], np.uint8)), box), np.float32)


def _lines(dark: Float, phase: NDArray[np.floating]) -> Float:
    """How dark the lines across the columns are, (columns,) float32: equal wherever the phase is.

    dark: (rows, columns). phase: (columns,), whole numbers, the place within the grid's period. The median
    over all that have one phase, which a curve hardly moves: it crosses a line, or runs along one of many.
    """
    columns = np.median(dark[::_SAMPLE], axis=0).astype(np.float32)
    out = np.empty_like(columns)
    for place in np.unique(phase):
        own = phase == place
        out[own] = np.median(columns[own]) if np.count_nonzero(own) >= _LEAST_PERIODS else 0
    return out
