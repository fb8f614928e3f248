"""Sweeps: series of levels of one degradation each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ecgdigit_rt.evaluation.robustness.degradations import (
    Image,
    add_noise,
    add_shading,
    blur,
    combine,
    compress_jpeg,
    downscale,
    rotate,
    warp_perspective,
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One degradation at several levels.

    `level` names the quantity or the unit of the levels. The arguments of `degrade` are image, level and
    seed. It returns a new image.
    """

    name: str
    level: str
    levels: tuple[float, ...]
    degrade: Callable[[Image, float, int], Image]


SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep(
            "rotation", "degrees", (-15, -10, -5, -2, 2, 5, 10, 15), lambda image, at, _: rotate(image, at)
        ),
        Sweep("blur", "px", (3, 5, 7, 9, 11), lambda image, at, _: blur(image, int(at))),
        Sweep("noise", "sigma of full scale", (0.01, 0.02, 0.04, 0.07, 0.1), add_noise),
        Sweep("jpeg", "quality", (95, 80, 65, 45, 30), lambda image, at, _: compress_jpeg(image, int(at))),
        Sweep("perspective", "fraction of the size", (0.02, 0.04, 0.06, 0.08, 0.1), warp_perspective),
        Sweep("resolution", "scale", (0.8, 0.6, 0.5, 0.4), lambda image, at, _: downscale(image, at)),
        Sweep("shading", "fraction of the light", (0.2, 0.35, 0.5, 0.7), add_shading),
        Sweep("combined", "strength", (1, 2, 3), combine),
    )
}
"""Sweeps by name. The levels are hand-picked, not tuned.

The levels of blur, noise and JPEG refer to single pixels. The same level therefore degrades a page less in an
image with more pixels.
"""
