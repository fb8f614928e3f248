"""Inverse of a lattice mesh: paper coordinates of every pixel of a photographed sheet."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel

Float = NDArray[np.float32]

OFF_PAPER = np.float32(-1e6)
"""Paper coordinate, in millimetres, that marks pixels outside the paper."""


@kernel
def _fill_triangle(out: Float, p: Float, q: Float, r: Float, a: Float, b: Float, c: Float) -> None:
    """Write paper coordinates to the pixels of the triangle (p, q, r), whose corners have a, b and c."""
    area = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    if abs(area) < 1e-9:
        return
    top = max(0, math.floor(min(p[1], q[1], r[1]) - 0.5))
    bottom = min(out.shape[0] - 1, math.ceil(max(p[1], q[1], r[1])))
    left = max(0, math.floor(min(p[0], q[0], r[0]) - 0.5))
    right = min(out.shape[1] - 1, math.ceil(max(p[0], q[0], r[0])))
    tolerance = -1e-4
    for row in range(top, bottom + 1):
        y = row + 0.5
        for column in range(left, right + 1):
            x = column + 0.5
            wq = ((x - p[0]) * (r[1] - p[1]) - (y - p[1]) * (r[0] - p[0])) / area
            wr = ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / area
            wp = 1.0 - wq - wr
            if wp >= tolerance and wq >= tolerance and wr >= tolerance:
                out[row, column, 0] = wp * a[0] + wq * b[0] + wr * c[0]
                out[row, column, 1] = wp * a[1] + wq * b[1] + wr * c[1]


@kernel
def _fill(out: Float, nodes: Float, u0: float, v0: float, step: float) -> None:
    a = np.empty(2, np.float32)
    b = np.empty(2, np.float32)
    c = np.empty(2, np.float32)
    d = np.empty(2, np.float32)
    for i in range(nodes.shape[0] - 1):
        for j in range(nodes.shape[1] - 1):
            a[0] = c[0] = u0 + j * step
            b[0] = d[0] = u0 + (j + 1) * step
            a[1] = b[1] = v0 + i * step
            c[1] = d[1] = v0 + (i + 1) * step
            _fill_triangle(out, nodes[i, j], nodes[i, j + 1], nodes[i + 1, j], a, b, c)
            _fill_triangle(out, nodes[i + 1, j + 1], nodes[i + 1, j], nodes[i, j + 1], d, c, b)


def paper_from_pixels(
    nodes: Float, origin_mm: tuple[float, float], step_mm: float, shape: tuple[int, int]
) -> Float:
    """Return the paper coordinates of each pixel centre of an image of `shape` (height, width).

    `nodes` is (rows, columns, 2) float32, image x and y (px) of the lattice nodes. `origin_mm` is the paper
    position of the first node, and `step_mm` the distance between nodes. Each cell is split into two
    triangles with an affine map each. The result is (height, width, 2) float32, u and v in millimetres, and
    `OFF_PAPER` outside all cells.
    """
    out = np.full((*shape, 2), OFF_PAPER, np.float32)
    _fill(out, np.ascontiguousarray(nodes, np.float32), origin_mm[0], origin_mm[1], step_mm)
    return out
