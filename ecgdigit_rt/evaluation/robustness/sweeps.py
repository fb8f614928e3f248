"""The sweeps: one degradation each, at the levels at which it is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ecgdigit_rt.evaluation.robustness.degradations import (
    Image,
    blurred,
    combined,
    jpeg,
    noisy,
    rotated,
    shaded,
    smaller,
    tilted,
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One degradation. level: what a level counts. degrade: picture, level, seed → a new picture."""

    name: str
    level: str
    levels: tuple[float, ...]
    degrade: Callable[[Image, float, int], Image]


SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep(
            "rotation", "degrees", (-15, -10, -5, -2, 2, 5, 10, 15), lambda page, by, _seed: rotated(page, by)
        ),
        Sweep("blur", "px", (3, 5, 7, 9, 11), lambda page, size, _seed: blurred(page, int(size))),
        Sweep("noise", "sigma of full scale", (0.01, 0.02, 0.04, 0.07, 0.1), noisy),
        Sweep("jpeg", "quality", (95, 80, 65, 45, 30), lambda page, quality, _seed: jpeg(page, int(quality))),
        Sweep("perspective", "share of the size", (0.02, 0.04, 0.06, 0.08, 0.1), tilted),
        Sweep("resolution", "scale", (0.8, 0.6, 0.5, 0.4), lambda page, scale, _seed: smaller(page, scale)),
        Sweep("shading", "share of the light", (0.2, 0.35, 0.5, 0.7), shaded),
        Sweep("combined", "strength", (1, 2, 3), combined),
    )
}
"""By name. Blur, noise and JPEG are in the picture's own pixels: on a larger picture they matter less."""
