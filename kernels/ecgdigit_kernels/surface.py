"""Normal equations of a spline surface through weighted samples on a pixel grid.

The surface is a Catmull-Rom lattice over the image. Node (r, c) is at row (r - 1) * spacing and column
(c - 1) * spacing of the image, in pixels. The centre of pixel i is at i + 0.5. Samples and lattice are both
grids, so that the sums separate into one pass along rows and one along columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import fastmath_kernel, inline_kernel


def lattice_shape(height: int, width: int, spacing: float) -> tuple[int, int]:
    """Return the (rows, columns) of the smallest lattice with 4 x 4 nodes around every pixel."""
    return int((height - 0.5) / spacing) + 4, int((width - 0.5) / spacing) + 4


def normal_equations(
    weight: NDArray[np.float32], value: NDArray[np.float32], spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrix and right-hand side of the weighted least-squares fit of the node values.

    `weight` and `value` are (h, w), and `value` must be finite. The value of node (r, c) is the unknown with
    index c * rows + r. The matrix is a band (unknowns, 3 * rows + 4) in the format of `banded.solve_banded`,
    and the right-hand side is (unknowns,). Raises ValueError if the shapes differ or are not 2-D.
    """
    if weight.shape != value.shape or weight.ndim != 2:
        raise ValueError(f"weight and value must have the same 2-D shape, got {weight.shape}, {value.shape}")
    rows, columns = lattice_shape(weight.shape[0], weight.shape[1], spacing)
    band, rhs = _normal(
        np.ascontiguousarray(weight, np.float32),
        np.ascontiguousarray(value, np.float32),
        spacing,
        rows,
        columns,
    )
    return band, rhs.ravel()


def add_roughness(
    band: NDArray[np.float64],
    rows: int,
    strength: float,
    ridge: float,
    term_weights: NDArray[np.float64] | None = None,
) -> None:
    """Add the thin-plate energy of the nodes times `strength`, and `ridge` on the diagonal, in place.

    The energy is the sum of f_rr**2 + 2 f_rc**2 + f_cc**2 over the lattice. It makes the surface smooth where
    there are no samples. `term_weights` is (3, columns, rows), the weights of the three terms at each node in
    the order of `second_differences`. The weights are 1 by default.
    """
    columns = band.shape[0] // rows
    weights = np.ones((3, columns, rows)) if term_weights is None else term_weights
    _add_roughness(band, rows, columns, strength, ridge, weights)


def second_differences(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return f_rr, f_cc and sqrt(2) f_rc of nodes (columns, rows) as (3, columns, rows).

    Each difference is stored at the first node of its stencil. It is 0 if the stencil leaves the lattice.
    """
    out = np.zeros((3, *nodes.shape))
    out[0, :, :-2] = np.diff(nodes, 2, axis=1)
    out[1, :-2] = np.diff(nodes, 2, axis=0)
    out[2, :-1, :-1] = np.sqrt(2.0) * np.diff(np.diff(nodes, axis=0), axis=1)
    return out


@inline_kernel
def _weights(t: float) -> tuple[float, float, float, float]:
    """Return the Catmull-Rom weights of the nodes at -1, 0, 1, 2 for 0 <= t < 1."""
    return (
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    )


@fastmath_kernel
def _taps(count: int, spacing: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the first node and the four weights of each pixel along one axis."""
    base = np.empty(count, np.int64)
    taps = np.empty((count, 4))
    for n in range(count):
        position = (n + 0.5) / spacing + 1.0
        cell = int(np.floor(position))
        base[n] = cell - 1
        a, b, c, d = _weights(position - cell)
        taps[n, 0] = a
        taps[n, 1] = b
        taps[n, 2] = c
        taps[n, 3] = d
    return base, taps


@fastmath_kernel
def _normal(
    weight: NDArray[np.float32],
    value: NDArray[np.float32],
    spacing: float,
    rows: int,
    columns: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    h, w = weight.shape
    base_row, taps_row = _taps(h, spacing)
    base_column, taps_column = _taps(w, spacing)
    cells = columns - 3
    pair = np.zeros((w, 16))  # ten products of two taps, two zeros as padding of vector lanes, and four taps
    for j in range(w):
        n = 0
        for a in range(4):
            for b in range(a + 1):
                pair[j, n] = taps_column[j, a] * taps_column[j, b]
                n += 1
        for a in range(4):
            pair[j, 12 + a] = taps_column[j, a]
    square = np.zeros((cells, 4, 4, 12))
    line = np.empty((cells, 16))
    rhs = np.zeros((columns, rows))
    band = np.zeros((columns * rows, 3 * rows + 4))
    for i in range(h):
        line[:] = 0.0
        for j in range(w):
            amount = weight[i, j]
            if amount == 0.0:
                continue
            moment = amount * value[i, j]
            cell = line[base_column[j]]
            products = pair[j]
            for n in range(12):
                cell[n] += amount * products[n]
            for n in range(12, 16):
                cell[n] += moment * products[n]
        for q in range(cells):
            for c in range(4):
                tap = taps_row[i, c]
                for a in range(4):
                    rhs[q + a, base_row[i] + c] += tap * line[q, 12 + a]
                for d in range(c + 1):
                    product = tap * taps_row[i, d]
                    sums = square[q, c, d]
                    for n in range(12):
                        sums[n] += product * line[q, n]
        if i + 1 == h or base_row[i + 1] != base_row[i]:
            _scatter(square, base_row[i], rows, band)
            square[:] = 0.0
    return band, rhs


@fastmath_kernel
def _scatter(square: NDArray[np.float64], top: int, rows: int, band: NDArray[np.float64]) -> None:
    """Add the sums of products of one row of lattice cells to the band."""
    for q in range(square.shape[0]):
        n = 0
        for a in range(4):
            for b in range(a + 1):
                for c in range(4):
                    for d in range(4 if b < a else c + 1):
                        sums = square[q, c, d] if c >= d else square[q, d, c]
                        band[(q + b) * rows + top + d, (a - b) * rows + c - d] += sums[n]
                n += 1


@fastmath_kernel
def _add_roughness(
    band: NDArray[np.float64],
    rows: int,
    columns: int,
    strength: float,
    ridge: float,
    weights: NDArray[np.float64],
) -> None:
    twist = np.sqrt(2.0)
    for c in range(columns):
        for r in range(rows):
            unknown = c * rows + r
            band[unknown, 0] += ridge
            for kind in range(3):
                if kind == 0 and r + 2 < rows:
                    nodes = (unknown, unknown + 1, unknown + 2, unknown)
                    factors = (1.0, -2.0, 1.0, 0.0)
                elif kind == 1 and c + 2 < columns:
                    nodes = (unknown, unknown + rows, unknown + 2 * rows, unknown)
                    factors = (1.0, -2.0, 1.0, 0.0)
                elif kind == 2 and r + 1 < rows and c + 1 < columns:
                    nodes = (unknown, unknown + 1, unknown + rows, unknown + rows + 1)
                    factors = (twist, -twist, -twist, twist)
                else:
                    continue
                amount = strength * weights[kind, c, r]
                for a in range(4):
                    for b in range(4):
                        if nodes[a] >= nodes[b] and factors[a] * factors[b] != 0.0:
                            band[nodes[b], nodes[a] - nodes[b]] += amount * factors[a] * factors[b]
