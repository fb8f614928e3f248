"""Degradations of a page image, each with one parameter.

Every function takes an image (height, width, 3) uint8 RGB and returns a new image of this type. The input is
not modified. Random degradations take a seed, and equal seeds give equal pixels. A seed gives the same random
numbers at every level, and the level only scales their effect. A curve over levels therefore shows the effect
of the level alone. Pixel values are rounded and clipped to the range 0 to 255.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def rotate(image: Image, degrees: float) -> Image:
    """Rotate counterclockwise about the center, with cubic interpolation.

    The result is large enough for the whole image. The background has the median color of the image border.
    """
    height, width = image.shape[:2]
    angle = math.radians(degrees)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    size = (math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    rotated = cv2.warpAffine(
        image,
        matrix,
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_border_color(image),
    )
    return np.asarray(rotated, np.uint8)


def blur(image: Image, size_px: int) -> Image:
    """Blur with a Gaussian kernel of `size_px` × `size_px` pixels. `size_px` must be odd.

    σ is 0.3·((size_px − 1)/2 − 1) + 0.8 px: 0.8 px for size 3, and 2.0 px for size 11. OpenCV uses the same
    rule if no σ is specified.
    """
    sigma_px = 0.3 * ((size_px - 1) / 2 - 1) + 0.8
    return np.asarray(cv2.GaussianBlur(image, (size_px, size_px), sigma_px), np.uint8)


def add_noise(image: Image, sigma: float, seed: int) -> Image:
    """Add white Gaussian noise with a standard deviation of `sigma`·255 to each pixel and channel."""
    noise = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return _to_uint8(image + np.float32(255 * sigma) * noise)


def compress_jpeg(image: Image, quality: int) -> Image:
    """Encode the image as JPEG with 4:2:0 chroma subsampling, and decode it.

    `quality` is 1 to 100 on the scale of libjpeg.
    """
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def warp_perspective(image: Image, fraction: float, seed: int) -> Image:
    """Apply a random perspective warp with cubic interpolation. The size of the image is unchanged.

    Each corner moves inward by up to `fraction` of the width and the height. The distances are drawn
    uniformly and independently for x and y. The background has the same color as in `rotate`.
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    inward = (1 - 2 * corners) * np.random.default_rng(seed).uniform(0, 1, (4, 2)) * fraction
    source = corners * (width - 1, height - 1)
    target = source + inward * (width, height)
    warped = cv2.warpPerspective(
        image,
        cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32)),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_border_color(image),
    )
    return np.asarray(warped, np.uint8)


def downscale(image: Image, scale: float) -> Image:
    """Scale width and height by `scale` (at most 1). Each pixel is the mean of the area that it covers."""
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def add_shading(image: Image, fraction: float, seed: int) -> Image:
    """Simulate the light of a single lamp above a random point of the image.

    Brightness decreases linearly with the distance from the lamp, by the fraction `fraction` at the farthest
    pixel.
    """
    height, width = image.shape[:2]
    x, y = np.random.default_rng(seed).uniform(0, 1, 2) * (width - 1, height - 1)
    distance = np.hypot(np.arange(width) - x, (np.arange(height) - y)[:, None])
    brightness = 1 - fraction * distance / distance.max()
    return _to_uint8(image * brightness[..., None])


def combine(image: Image, strength: float, seed: int) -> Image:
    """Apply several degradations, to imitate a hasty phone photo. Strength 2 is meant to be moderate.

    At strength s the degradations are, in this order: rotation by 2·s degrees, perspective of 0.015·s,
    shading of 0.15·s, blur with a kernel of 1 + 2·s px (s rounded), noise of 0.01·s, and JPEG with
    quality 95 − 15·s (rounded). The factors are hand-picked, not tuned.
    """
    page = warp_perspective(rotate(image, 2 * strength), 0.015 * strength, seed)
    page = blur(add_shading(page, 0.15 * strength, seed + 1), 1 + 2 * round(strength))
    return compress_jpeg(add_noise(page, 0.01 * strength, seed + 2), round(95 - 15 * strength))


def _border_color(image: Image) -> tuple[float, float, float]:
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    red, green, blue = np.median(border, axis=0).tolist()
    return red, green, blue


def _to_uint8(values: NDArray[np.floating[Any]]) -> Image:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
