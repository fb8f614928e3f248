"""A mesh made exact by lines 1 mm apart, for papers without bold ones.

Such a grid looks the same every millimetre, so it cannot say where a mesh lies; but once the rows have
said so to a few per cent, its frequency says it to a few parts in a hundred thousand.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import rectified_page

_PX_PER_MM = 4.0
_LARGEST_STRAY = 0.06  # of the lines' frequency, from one a millimetre
_LEAST_CONTRAST = 15.0  # of the peak, over the median around it: text alone reaches 8, lines 150
_CLIPPED = 40.0  # grey levels: traces and text are not to outweigh the lines
_RESIDUAL_MM = 0.05


def refine_with_minor_lines(mesh: Mesh, image: NDArray[np.uint8]) -> Mesh:
    """`mesh` turned, sheared and scaled until the lines stand on whole millimetres; itself if there are none.

    image: (height, width, 3) uint8, in which the mesh lies.
    """
    dark = 255.0 - rectified_page(image, mesh, _PX_PER_MM).min(2).astype(np.float32)
    dark = np.clip(dark - cv2.blur(dark, (11, 11)), -_CLIPPED, _CLIPPED)
    dark *= np.outer(*(np.hanning(length).astype(np.float32) for length in dark.shape))
    size = np.abs(np.fft.fft2(dark)).astype(np.float32)
    waves = [_frequency(size, axis) for axis in (0, 1)]
    if waves[0] is None or waves[1] is None:
        return mesh
    lines = np.array([waves[0], waves[1]])  # new millimetres per old one
    corner = np.array([_lines_at_corner(dark, wave) for wave in lines])
    _, _, last_u, last_v = mesh.extent_mm
    extent = lines @ (np.array([last_u, last_v]) - mesh.origin_mm)
    counts = np.stack(
        np.meshgrid(np.arange(0, extent[0], mesh.step_mm), np.arange(0, extent[1], mesh.step_mm)), -1
    )
    places = (counts - (corner - np.round(corner))) @ np.linalg.inv(lines).T + np.array(mesh.origin_mm)
    x, y = mesh.pixels_from_mm(places[..., 0], places[..., 1])
    residual = (
        _RESIDUAL_MM * mesh.px_per_mm((mesh.origin_mm[0] + last_u) / 2, (mesh.origin_mm[1] + last_v) / 2)[0]
    )
    return dataclasses.replace(mesh, pixels=np.stack([x, y], -1).astype(np.float32), residual_px=residual)


def _frequency(size: NDArray[np.float32], axis: int) -> tuple[float, float] | None:
    """Lines per mm along u and v, of those that count along u (axis 0) or v (1); None if there are none."""
    v, u = (np.fft.fftfreq(length, 1 / _PX_PER_MM) for length in size.shape)
    main, cross = (u[None, :], v[:, None]) if axis == 0 else (v[:, None], u[None, :])
    near = (np.abs(main - 1) < _LARGEST_STRAY) & (np.abs(cross) < _LARGEST_STRAY)
    i, j = (int(k) for k in np.unravel_index(int(np.where(near, size, 0).argmax()), size.shape))
    if size[i, j] < _LEAST_CONTRAST * float(np.median(size[near])):
        return None
    rows = [float(size[(i + k) % size.shape[0], j]) for k in (-1, 0, 1)]
    columns = [float(size[i, (j + k) % size.shape[1]]) for k in (-1, 0, 1)]
    return float(u[j] + _top(columns) * u[1]), float(v[i] + _top(rows) * v[1])


def _top(values: list[float]) -> float:
    """Where the parabola through the logarithms of values at -1, 0, 1 is highest: so is Hann's peak."""
    before, at, after = np.log(np.maximum(values, 1e-9))
    bend = before - 2 * at + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


def _lines_at_corner(dark: NDArray[np.floating], wave: NDArray[np.float64]) -> float:
    """The count of lines, up to a whole number, at the page's corner: whole where it is darkest."""
    v, u = ((np.arange(length) + 0.5) / _PX_PER_MM for length in dark.shape)
    turning = np.exp(-2j * np.pi * wave[1] * v) @ dark @ np.exp(-2j * np.pi * wave[0] * u)
    return float(np.angle(turning)) / (2 * np.pi)
