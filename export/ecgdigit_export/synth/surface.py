"""Surface of a bent, curled, folded or crumpled sheet in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.noise import smooth_noise

Float = NDArray[np.float32]
STEP_MM = 2.5
"""Lattice step of the geometry of a page.

A bend with a radius of 10 cm deviates from the chords between nodes by less than 0.01 mm.
"""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Lattice that covers a sheet. `u`, (columns,), and `v`, (rows,), are paper coordinates in mm."""

    u: Float
    v: Float

    @property
    def origin_mm(self) -> tuple[float, float]:
        """Paper position of the first node."""
        return float(self.u[0]), float(self.v[0])


def lattice_over(paper: tuple[float, float, float, float]) -> Lattice:
    """Return a lattice with a node every `STEP_MM`. The first node is the upper left corner of the sheet."""
    left, top, right, bottom = paper
    columns, rows = int(np.ceil((right - left) / STEP_MM)), int(np.ceil((bottom - top) / STEP_MM))
    u = left + STEP_MM * np.arange(columns + 1, dtype=np.float32)
    v = top + STEP_MM * np.arange(rows + 1, dtype=np.float32)
    return Lattice(u, v)


def heights_mm(lattice: Lattice, rng: np.random.Generator, crumple: float) -> Float:
    """Return the height of each node above the table in mm, (rows, columns) float32.

    The height is a sum of long waves for bends, a raised corner or edge for curls, kinks for folds, and
    fractal noise for crumples. `crumple` is 0 for a smooth sheet and 1 for a sheet that was crumpled into a
    ball.
    """
    u, v = np.meshgrid(lattice.u - lattice.u.mean(), lattice.v - lattice.v.mean())
    z = np.zeros_like(u)
    for _ in range(int(rng.integers(1, 4))):
        angle = rng.uniform(0, np.pi)
        length = rng.uniform(180, 700)
        along = u * np.cos(angle) + v * np.sin(angle)
        z += rng.uniform(0, 0.02) * length * np.sin(2 * np.pi * along / length + rng.uniform(0, 6.3))
    if rng.random() < 0.3:
        angle = rng.uniform(0, 2 * np.pi)
        beyond = np.maximum(0, u * np.cos(angle) + v * np.sin(angle) - rng.uniform(20, 90))
        z += beyond**2 * rng.uniform(0, 0.004)
    for _ in range(int(rng.integers(0, 3) if rng.random() < 0.5 else 0)):
        angle = rng.choice((0.0, np.pi / 2)) + rng.normal(0, 0.06)
        distance = u * np.cos(angle) + v * np.sin(angle) - rng.uniform(-70, 70)
        z += rng.uniform(-0.16, 0.16) * np.abs(distance)
    if crumple > 0:
        for cells in (5, 11, 23):
            ridges = smooth_noise(rng, (u.shape[0], u.shape[1]), cells)
            z += crumple * rng.uniform(4, 18) / cells * np.abs(ridges)
    return np.asarray(z, np.float32)


def shading(z: Float, rng: np.random.Generator) -> Float:
    """Return the shading of the nodes by Lambert's law, (rows, columns) float32. It is 1 on a flat sheet."""
    dz_dv, dz_du = np.gradient(z, STEP_MM)
    towards = rng.uniform(0, 2 * np.pi)
    slant = rng.uniform(0.2, 1.1)
    facing = (1 - slant * (np.cos(towards) * dz_du + np.sin(towards) * dz_dv)) / np.sqrt(
        1 + dz_du**2 + dz_dv**2
    )
    ambient = rng.uniform(0.2, 0.7)
    return np.asarray(np.clip(ambient + (1 - ambient) * facing, 0.2, 1.4), np.float32)
