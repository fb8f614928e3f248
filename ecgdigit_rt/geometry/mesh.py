"""Mesh that maps millimetres on paper to pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.homography import fit_homography
from ecgdigit_kernels.spline_lattice import lattice_grid, lattice_position, lattice_values
from ecgdigit_rt.geometry.homography import apply_homography

STEP_MM = 5.0
"""Distance between nodes, equal to the period of the major grid lines."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Image positions of the nodes of a 5 mm lattice on paper, with a smooth spline between them.

    pixels: (rows, columns, 2) float32. x and y of the node at origin_mm + step_mm * (column, row), in the
    upright image at its original resolution. The centre of pixel i is at i + 0.5.
    residual_px: robust standard deviation of the distance from the detected grid to the mesh, along one axis.
    coverage: fraction of the nodes, excluding margins, at which the grid was detected. The other nodes are
    extrapolated.
    nonplanarity: deviation of the grid from a plane, as a multiple of the maximum on flat pages. It is inf if
    no plane fits or if no plane was tried.
    """

    pixels: NDArray[np.float32] = field(repr=False)
    origin_mm: tuple[float, float]
    residual_px: float
    coverage: float
    step_mm: float = STEP_MM
    nonplanarity: float = np.inf

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """Extent of the nodes: first u, first v, last u and last v."""
        rows, columns = self.pixels.shape[:2]
        u, v = self.origin_mm
        return u, v, u + (columns - 1) * self.step_mm, v + (rows - 1) * self.step_mm

    def pixels_from_mm(
        self, u: NDArray[np.floating[Any]] | float, v: NDArray[np.floating[Any]] | float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Convert paper positions in millimetres to image x and y. `u` and `v` are broadcast together."""
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        row = (v.ravel().astype(np.float64) - self.origin_mm[1]) / self.step_mm
        column = (u.ravel().astype(np.float64) - self.origin_mm[0]) / self.step_mm
        xy = lattice_values(self.pixels.astype(np.float64), row, column)
        return xy[:, 0].reshape(u.shape), xy[:, 1].reshape(u.shape)

    def mm_from_pixels(
        self, x: NDArray[np.float64] | float, y: NDArray[np.float64] | float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Convert image positions to paper u and v in millimetres, NaN far outside the mesh."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        nodes = self.pixels.astype(np.float64)
        targets = np.stack([x.ravel(), y.ravel()], 1)
        initial = _initial_position(nodes, targets)
        position = lattice_position(nodes, targets, initial)
        u = self.origin_mm[0] + position[:, 1] * self.step_mm
        v = self.origin_mm[1] + position[:, 0] * self.step_mm
        return u.reshape(x.shape), v.reshape(x.shape)

    def px_per_mm(self, u: float, v: float) -> tuple[float, float]:
        """Return the image resolution at a position on paper, along u and along v."""
        x, y = self.pixels_from_mm(np.array([u - 1, u + 1, u, u]), np.array([v, v, v - 1, v + 1]))
        return (
            float(np.hypot(x[1] - x[0], y[1] - y[0])) / 2,
            float(np.hypot(x[3] - x[2], y[3] - y[2])) / 2,
        )

    def maps(
        self, u: tuple[float, float, int], v: tuple[float, float, int], shrink: float = 1.0
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the `cv2.remap` maps that sample an upright rectangle of the paper.

        `u` and `v` each contain the first sample position and the step, both in mm, and the number of
        samples. `shrink` divides the image coordinates, for an image reduced by that factor. OpenCV's pixel
        centres are at integers, so the maps are shifted by half a pixel.
        """
        columns = ((u[0] - self.origin_mm[0]) / self.step_mm, u[1] / self.step_mm, u[2])
        rows = ((v[0] - self.origin_mm[1]) / self.step_mm, v[1] / self.step_mm, v[2])
        return lattice_grid(self.pixels.astype(np.float64), rows, columns, 1 / shrink, -0.5)


def _initial_position(nodes: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return approximate rows and columns of the targets, to initialize Newton's method.

    They are computed by the homography that best maps the nodes to their rows and columns.
    """
    rows, columns = np.meshgrid(*(np.arange(n) for n in nodes.shape[:2]), indexing="ij")
    indices = np.stack([rows.ravel(), columns.ravel()], 1).astype(np.float64)
    matrix = fit_homography(nodes.reshape(-1, 2), indices, np.ones(len(indices)))
    return apply_homography(matrix, targets)
