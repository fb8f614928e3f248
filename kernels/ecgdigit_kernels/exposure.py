"""Exposure of a synthetic photograph: illumination, white balance and noise in one pass over the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel


@kernel
def expose(
    image: NDArray[np.uint8],
    light: NDArray[np.float32],
    white: NDArray[np.float32],
    noise: NDArray[np.int16],
    shot: float,
) -> None:
    """Multiply an image by illumination and white balance and add noise, in place.

    `image` is (height, width, 3) uint8. `light` is the illumination: a small (rows, columns) float32 field
    that is enlarged bilinearly to the size of the image. `white` is the white balance, (3,) float32. `noise`
    is a (tile, tile, 3) int16 tile that is repeated. `shot`, 0 to 1, is the fraction of the noise that grows
    with the square root of the brightness.
    """
    height, width, _ = image.shape
    rows, columns = light.shape
    tile = noise.shape[0]
    for y in range(height):
        fy = (y + 0.5) * (rows - 1) / height
        i = min(int(fy), rows - 2)
        wy = np.float32(fy - i)
        for x in range(width):
            fx = (x + 0.5) * (columns - 1) / width
            j = min(int(fx), columns - 2)
            wx = np.float32(fx - j)
            top = light[i, j] * (1 - wx) + light[i, j + 1] * wx
            bottom = light[i + 1, j] * (1 - wx) + light[i + 1, j + 1] * wx
            gain = top * (1 - wy) + bottom * wy
            for c in range(3):
                value = np.float32(image[y, x, c]) * gain * white[c]
                strength = (1 - shot) + shot * np.sqrt(value / np.float32(255))
                value += strength * noise[y % tile, x % tile, c]
                image[y, x, c] = np.uint8(min(max(value + 0.5, 0), 255))
