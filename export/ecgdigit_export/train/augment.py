"""Augmentation of colour and sharpness during training."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.noise import gaussian_noise


def augment_colours(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return pixels with random changes of contrast, brightness, colour and sharpness.

    Contrast and brightness always change. The channels may be permuted or converted to grey, and the
    pixels may be blurred or noisy. `pixels` is (height, width, 3) uint8.
    """
    level = np.arange(256, dtype=np.float32)
    contrast, offset = np.exp(rng.normal(0, 0.15)), rng.normal(0, 14)
    curve = np.clip((level - 128) * contrast + 128 + offset, 0, 255).astype(np.uint8)
    out = np.asarray(cv2.LUT(pixels, curve), np.uint8)
    chance = rng.random()
    if chance < 0.15:
        out = np.ascontiguousarray(out[..., rng.permutation(3)])
    elif chance < 0.25:
        out = np.repeat(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    chance = rng.random()
    if chance < 0.2:
        across, down = rng.uniform(0.4, 2.0, 2)
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), sigmaX=across, sigmaY=down), np.uint8)
    elif chance < 0.3:
        out = np.clip(out + gaussian_noise(out.shape, rng.uniform(2, 16), rng), 0, 255).astype(np.uint8)
    return out
