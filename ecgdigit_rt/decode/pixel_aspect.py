"""Square pixels: resampling of images whose files declare different horizontal and vertical densities.

A fax in standard resolution has 204 pixels per inch across and 98 down. Without resampling, its grid would be
half as high as it is wide.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from cv2.typing import MatLike

MIN_ASPECT = 1.05
"""Ratio of the two densities below which pixels are assumed to be square.

Hand-picked, not tuned: the densities of one scanner, such as 204 and 196 per inch, differ by 4 %. Such a
difference is within what the mesh of the page corrects.
"""

MAX_ASPECT = 4.0
"""Ratio of the two densities above which they are assumed to be wrong.

Hand-picked, not tuned: the coarsest fax has a ratio of 2.1.
"""

Density = tuple[float, float]
"""Pixels per unit of length, across and down. The unit is arbitrary, but the same for both."""

UNKNOWN_DENSITY: Density = (1.0, 1.0)
"""Density of a file that declares none. Its pixels are assumed to be square."""


def square_pixels(pixels: MatLike, density: Density, max_pixels: int) -> MatLike:
    """Enlarge the coarser axis of an image until its pixels are square.

    `density` is that of `pixels`. If the result would have more than `max_pixels` pixels, both axes are
    reduced by the same factor. The image is returned unchanged if the ratio of the densities is invalid or
    not clearly different from 1.
    """
    across, down = density
    if not (across > 0 and down > 0 and MIN_ASPECT <= max(across / down, down / across) <= MAX_ASPECT):
        return pixels  # also for NaN
    height, width = pixels.shape[:2]
    x_scale, y_scale = max(1.0, down / across), max(1.0, across / down)
    reduction = min(1.0, math.sqrt(max_pixels / (width * x_scale * height * y_scale)))
    size = math.floor(width * x_scale * reduction), math.floor(height * y_scale * reduction)
    # Cubic interpolation keeps the edges of a bilevel image sharper than linear interpolation.
    return cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_CUBIC)
