"""Projection of a sheet to an image: by a camera, by a scanner, or unchanged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.surface import Lattice

Float = NDArray[np.float32]

# Long sides of photographs and their probabilities. Hand-picked, not tuned. Images of a
# 12-megapixel phone camera have a long side of 4032 px.
_LONG_SIDES_PX = (1200, 1600, 2000, 2600, 3024, 3500, 4032)
_LONG_SIDE_CHANCES = (0.08, 0.14, 0.18, 0.18, 0.28, 0.08, 0.06)


def _rotation(rng: np.random.Generator, tilt_deg: float, roll_deg: float) -> NDArray[np.float64]:
    pitch, yaw = np.radians(rng.normal(0, tilt_deg, 2))
    roll = np.radians(rng.normal(0, roll_deg))
    cp, sp, cy, sy, cr, sr = (
        np.cos(pitch),
        np.sin(pitch),
        np.cos(yaw),
        np.sin(yaw),
        np.cos(roll),
        np.sin(roll),
    )
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def project_photo(lattice: Lattice, z: Float, rng: np.random.Generator) -> tuple[Float, tuple[int, int]]:
    """Return the nodes in pixels, (rows, columns, 2) float32, and the image size (width, height).

    The camera is a pinhole with slight radial distortion. The standard deviation of its tilt is 9° about
    both axes, and that of its roll is 5°. The sheet fills most of the frame and sometimes exceeds it.
    """
    u, v = np.meshgrid(lattice.u - lattice.u.mean(), lattice.v - lattice.v.mean())
    extent = float(max(np.ptp(lattice.u), np.ptp(lattice.v)))
    points = np.stack([u, v, -z], -1) @ _rotation(rng, 9, 5).T
    depth = points[..., 2] + extent * rng.uniform(1.1, 2.6)
    plane = points[..., :2] / depth[..., None]
    radius2 = (plane**2).sum(-1, keepdims=True) / (plane**2).sum(-1).max()
    plane = plane * (1 + rng.normal(0, 0.012) * radius2)
    low, high = plane.min((0, 1)), plane.max((0, 1))
    long_side = int(rng.choice(_LONG_SIDES_PX, p=_LONG_SIDE_CHANCES))
    if rng.random() < 0.25:  # the image is cropped to the sheet
        ratio = float((high - low)[1] / (high - low)[0]) * rng.uniform(0.92, 1.08)
    else:
        ratio = 0.75
    size = (long_side, max(400, round(long_side * ratio)))
    fill = rng.uniform(0.68, 1.04)
    scale = fill * min(size[0] / (high - low)[0], size[1] / (high - low)[1])
    centre = np.array(size) * (0.5 + rng.normal(0, 0.025, 2))
    nodes = (plane - (low + high) / 2) * scale + centre
    return nodes.astype(np.float32), size


def project_scan(lattice: Lattice, rng: np.random.Generator) -> tuple[Float, tuple[int, int]]:
    """Return the nodes and the image size as in `project_photo`, for a flatbed or sheet-fed scanner.

    The scan has a small rotation, an uneven feed and a random crop.
    """
    u, v = np.meshgrid(lattice.u, lattice.v)
    width, height = float(np.ptp(lattice.u)), float(np.ptp(lattice.v))
    px_per_mm = rng.choice((3.94, 5.9, 7.874, 7.66, 11.81), p=(0.06, 0.18, 0.36, 0.3, 0.1)) * rng.uniform(
        0.97, 1.03
    )
    feed = v + rng.uniform(0, 0.25) * np.sin(2 * np.pi * v / rng.uniform(60, 300) + rng.uniform(0, 6.3))
    angle = np.radians(rng.normal(0, 1.3))
    du, dv = u - lattice.u.mean(), feed - lattice.v.mean()
    x = du * np.cos(angle) - dv * np.sin(angle) + rng.normal(0, 0.004) * dv
    y = (du * np.sin(angle) + dv * np.cos(angle)) * rng.uniform(0.995, 1.005)
    if rng.random() < 0.4:  # the sheet is bowed under the lid
        x = x + rng.normal(0, 0.6) * (2 * dv / height) ** 2
        y = y + rng.normal(0, 0.6) * (2 * du / width) ** 2
    crop = rng.uniform(0.95, 1.03, 2)
    size = (round(width * crop[0] * px_per_mm), round(height * crop[1] * px_per_mm))
    nodes = np.stack([x, y], -1) * px_per_mm + np.array(size) * (0.5 + rng.normal(0, 0.004, 2))
    return nodes.astype(np.float32), size


def project_render(lattice: Lattice, px_per_mm: float) -> tuple[Float, tuple[int, int]]:
    """Return the nodes in pixels of the raster of the sheet. The image size is always (0, 0)."""
    u, v = np.meshgrid(lattice.u - lattice.u[0], lattice.v - lattice.v[0])
    nodes = np.stack([u, v], -1) * px_per_mm
    return nodes.astype(np.float32), (0, 0)
