"""Where the paper's millimetres lie in the image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.spline_lattice import lattice_grid, lattice_position, lattice_values

STEP_MM = 5.0


@dataclass(frozen=True, slots=True)
class Mesh:
    """Image positions of the paper's 5 mm vertices, with a smooth spline between them.

    pixels: (rows, columns, 2) float32, x and y in the original image (pixel i's centre at i + 0.5)
    of the node at origin_mm + step_mm * (column, row). residual_px: how far the grid seen in the
    image strays from the mesh (robust standard deviation, one axis). coverage: share of nodes,
    the margins left out, that stand on data; the others are filled in. bend: what a plane would miss
    of the grid, 1 where that is as much as a flat page may miss; inf where it is far from any.
    """

    pixels: NDArray[np.float32] = field(repr=False)
    origin_mm: tuple[float, float]
    residual_px: float
    coverage: float
    step_mm: float = STEP_MM
    bend: float = np.inf

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """First u, first v, last u, last v of the nodes."""
        rows, columns = self.pixels.shape[:2]
        u, v = self.origin_mm
        return u, v, u + (columns - 1) * self.step_mm, v + (rows - 1) * self.step_mm

    def pixels_from_mm(
        self, u: NDArray[np.floating[Any]] | float, v: NDArray[np.floating[Any]] | float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Image x, y of paper places in millimetre; any shape, broadcast together."""
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        row = (v.ravel().astype(np.float64) - self.origin_mm[1]) / self.step_mm
        column = (u.ravel().astype(np.float64) - self.origin_mm[0]) / self.step_mm
        xy = lattice_values(self.pixels.astype(np.float64), row, column)
        return xy[:, 0].reshape(u.shape), xy[:, 1].reshape(u.shape)

    def mm_from_pixels(
        self, x: NDArray[np.float64] | float, y: NDArray[np.float64] | float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Paper u, v in millimetre of image places; NaN where the mesh does not reach."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        nodes = self.pixels.astype(np.float64)
        targets = np.stack([x.ravel(), y.ravel()], 1)
        guess = _linear_position(nodes, targets)
        place = lattice_position(nodes, targets, guess)
        u = self.origin_mm[0] + place[:, 1] * self.step_mm
        v = self.origin_mm[1] + place[:, 0] * self.step_mm
        return u.reshape(x.shape), v.reshape(x.shape)

    def px_per_mm(self, u: float, v: float) -> tuple[float, float]:
        """The image's resolution at a place, along u and along v."""
        x, y = self.pixels_from_mm(np.array([u - 1, u + 1, u, u]), np.array([v, v, v - 1, v + 1]))
        return (
            float(np.hypot(x[1] - x[0], y[1] - y[0])) / 2,
            float(np.hypot(x[3] - x[2], y[3] - y[2])) / 2,
        )

    def maps(
        self, u: tuple[float, float, int], v: tuple[float, float, int], shrink: float = 1.0
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`cv2.remap` maps of an upright grid on paper: u, v as first centre, step, count (mm).

        `shrink` divides image coordinates, for an image reduced by that factor. OpenCV counts
        pixel centres from 0, hence the half pixel taken off.
        """
        columns = ((u[0] - self.origin_mm[0]) / self.step_mm, u[1] / self.step_mm, u[2])
        rows = ((v[0] - self.origin_mm[1]) / self.step_mm, v[1] / self.step_mm, v[2])
        return lattice_grid(self.pixels.astype(np.float64), rows, columns, 1 / shrink, -0.5)


def _linear_position(nodes: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row and column by the homography that fits the nodes: a start for Newton's iteration."""
    from ecgdigit_rt.geometry.homography import apply_homography, fit_homography

    rows, columns = np.meshgrid(*(np.arange(n) for n in nodes.shape[:2]), indexing="ij")
    places = np.stack([rows.ravel(), columns.ravel()], 1).astype(np.float64)
    matrix = fit_homography(nodes.reshape(-1, 2), places, np.ones(len(places)))
    return apply_homography(matrix, targets)
