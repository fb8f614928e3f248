"""Refinement of a mesh by minor grid lines 1 mm apart, for paper without major lines.

Such a grid repeats every millimetre, so it determines positions only up to whole millimetres. The
initial mesh, which is derived from the ECG rows, has a scale that is accurate to a few per cent. The spatial
frequency of the lines then corrects the scale to a few parts in a hundred thousand.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import rectify_page

# Hand-picked, not tuned.
_PX_PER_MM = 4.0  # resolution of the rectified page
_MAX_FREQUENCY_ERROR = 0.06  # maximum deviation of the lines' frequency from one per millimetre
_MAX_CONTRAST = 40.0  # local contrast is clipped to ± this, in grey levels, so that text does not dominate
_RESIDUAL_MM = 0.05  # residual assumed, not measured, for a refined mesh

_MIN_CONTRAST = 15.0
"""Minimum ratio of the spectral peak to the median around it. Measured: text alone reaches 8, lines reach
150. With a lower limit, faint lines were also detected on one scan, but on one page text was accepted
as lines, and the page fell from 22 to 0.2 dB."""


def refine_with_minor_lines(mesh: Mesh, image: NDArray[np.uint8]) -> Mesh:
    """Transform the mesh affinely so that the lines lie at integer coordinates in millimetres.

    `image` is the image that the mesh belongs to, (height, width, 3) uint8. Returns `mesh` itself unless
    lines are detected in both directions.
    """
    dark = 255.0 - rectify_page(image, mesh, _PX_PER_MM).min(2).astype(np.float32)
    dark = np.clip(dark - cv2.blur(dark, (11, 11)), -_MAX_CONTRAST, _MAX_CONTRAST)
    dark *= np.outer(*(np.hanning(length).astype(np.float32) for length in dark.shape))
    wave_vectors = [_line_wave_vector(dark, axis) for axis in (0, 1)]
    if wave_vectors[0] is None or wave_vectors[1] is None:
        return mesh
    refined_per_mesh_mm = np.array([wave_vectors[0], wave_vectors[1]])
    corner = np.array([_phase_at_corner(dark, wave) for wave in refined_per_mesh_mm])
    _, _, last_u, last_v = mesh.extent_mm
    extent = refined_per_mesh_mm @ (np.array([last_u, last_v]) - mesh.origin_mm)
    nodes = np.stack(
        np.meshgrid(np.arange(0, extent[0], mesh.step_mm), np.arange(0, extent[1], mesh.step_mm)), -1
    )
    refined_mm = nodes - (corner - np.round(corner))
    node_mm = refined_mm @ np.linalg.inv(refined_per_mesh_mm).T + np.array(mesh.origin_mm)
    x, y = mesh.pixels_from_mm(node_mm[..., 0], node_mm[..., 1])
    residual = (
        _RESIDUAL_MM * mesh.px_per_mm((mesh.origin_mm[0] + last_u) / 2, (mesh.origin_mm[1] + last_v) / 2)[0]
    )
    return dataclasses.replace(mesh, pixels=np.stack([x, y], -1).astype(np.float32), residual_px=residual)


def _line_wave_vector(dark: NDArray[np.float32], axis: int) -> tuple[float, float] | None:
    """Return the wave vector (u, v), in cycles per mm, of the lines of constant u (axis 0) or v (axis 1).

    Returns None if no such lines are detected.
    """
    centre = (1.0, 0.0) if axis == 0 else (0.0, 1.0)
    u, v = (_frequencies(dark.shape[1 - k], centre[k]) for k in (0, 1))
    spectrum = _spectrum(dark, u, v)
    inner = spectrum[1:-1, 1:-1]
    i, j = (int(k) + 1 for k in np.unravel_index(int(inner.argmax()), inner.shape))
    if spectrum[i, j] < _MIN_CONTRAST * float(np.median(inner)):
        return None
    rows, columns = spectrum[i - 1 : i + 2, j].tolist(), spectrum[i, j - 1 : j + 2].tolist()
    step_u, step_v = u[1] - u[0], v[1] - v[0]
    return float(u[j] + _peak_offset(columns) * step_u), float(v[i] + _peak_offset(rows) * step_v)


def _frequencies(length: int, centre: float) -> NDArray[np.float64]:
    """Return the frequencies of a discrete Fourier transform near `centre`, and one more at each end."""
    step = _PX_PER_MM / length
    first, last = (centre + sign * _MAX_FREQUENCY_ERROR for sign in (-1, 1))
    return np.arange(np.ceil(first / step) - 1, np.floor(last / step) + 2) * step


def _spectrum(
    dark: NDArray[np.float32], u: NDArray[np.float64], v: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the amplitudes (v, u) of an image at frequencies in cycles per mm.

    A fast Fourier transform would compute all frequencies of the page, and takes ten times as long.
    """
    down, along = (
        2 * np.pi / _PX_PER_MM * np.outer(frequency, np.arange(length))
        for frequency, length in zip((v, u), dark.shape, strict=True)
    )
    rows = np.cos(down).astype(np.float32) @ dark - 1j * (np.sin(down).astype(np.float32) @ dark)
    return np.asarray(np.abs(rows @ np.exp(-1j * along).T), np.float32)


def _peak_offset(amplitudes: list[float]) -> float:
    """Return the position of the vertex of the parabola through the logarithms of three amplitudes.

    The amplitudes are those at positions -1, 0 and 1. The spectral peak of a Hann window is nearly such a
    parabola.
    """
    before, at, after = np.log(np.maximum(amplitudes, 1e-9))
    curvature = before - 2 * at + after
    return float(0.5 * (before - after) / curvature) if curvature < 0 else 0.0


def _phase_at_corner(dark: NDArray[np.floating], wave: NDArray[np.float64]) -> float:
    """Return the phase of a wave at the page's first corner, in cycles (-0.5 to 0.5). Lines have phase 0."""
    v, u = ((np.arange(length) + 0.5) / _PX_PER_MM for length in dark.shape)
    phasor = np.exp(-2j * np.pi * wave[1] * v) @ dark @ np.exp(-2j * np.pi * wave[0] * u)
    return float(np.angle(phasor)) / (2 * np.pi)
