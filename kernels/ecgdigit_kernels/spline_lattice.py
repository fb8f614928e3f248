"""Catmull-Rom splines on a uniform lattice: values at points, values on grids, and the inverse.

Coordinates are (row, column) in lattice units, with nodes at the integers. The spline passes through the
nodes and reproduces quadratic functions. Its value at a point depends on the nearest 4 x 4 nodes. Beyond the
lattice, nodes are extrapolated linearly from the outermost cells.
"""

from __future__ import annotations

from math import floor

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import fastmath_kernel, inline_kernel, kernel

# Hand-picked, not tuned.
_NEWTON_STEPS = 12  # maximum number of iterations
_PAD = 16  # number of cells around the lattice in which the inverse is searched
_MAX_COORDINATE = 1e4  # maximum distance from the first node, which limits the memory of the extended lattice


def lattice_values(
    nodes: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the values (n, 2) at scattered coordinates (n,). `nodes` is (rows, columns, 2).

    Raises ValueError if coordinates are not finite or far from the lattice, or if the shape of `nodes` is
    wrong.
    """
    _check(nodes)
    row, column = _float64(row), _float64(column)
    before_row, after_row = _added_nodes(_range(row), nodes.shape[0])
    before_column, after_column = _added_nodes(_range(column), nodes.shape[1])
    padded = _extended(_float64(nodes), before_row, after_row, before_column, after_column)
    return _values(padded, row, column, before_row, before_column)


def lattice_grid(
    nodes: NDArray[np.float64],
    rows: tuple[float, float, int],
    columns: tuple[float, float, int],
    scale: float = 1.0,
    offset: float = 0.0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the values on an axis-aligned grid, times `scale` plus `offset`, as maps for `cv2.remap`.

    `nodes` is (rows, columns, 2). `rows` and `columns` are the first coordinate, the positive step and the
    number of grid positions, in lattice units. Both maps are float32 (number of rows, number of columns).
    Raises ValueError as `lattice_values` does.
    """
    _check(nodes)
    before_row, after_row = _added_nodes(_grid_range(rows), nodes.shape[0])
    before_column, after_column = _added_nodes(_grid_range(columns), nodes.shape[1])
    padded = _extended(_float64(nodes), before_row, after_row, before_column, after_column)
    return _grid(
        _planes(padded, scale, offset),
        rows[0] + before_row,
        rows[1],
        rows[2],
        columns[0] + before_column,
        columns[1],
        columns[2],
    )


def lattice_position(
    nodes: NDArray[np.float64], targets: NDArray[np.float64], guess: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the coordinates (row, column) at which the spline has the target values, by Newton's method.

    `nodes` is (rows, columns, 2), `targets` (n, 2), and `guess` the (n, 2) coordinates to start from. The
    result is (n, 2), and NaN for targets for which the iteration does not converge. It is limited to the
    lattice and 16 cells around it.
    """
    _check(nodes)
    padded = _extended(_float64(nodes), _PAD, _PAD, _PAD, _PAD)
    return _position(padded, _float64(targets), _float64(guess) + _PAD) - _PAD


def extend_lattice(
    nodes: NDArray[np.float64], rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the lattice, extrapolated linearly by (before, after) nodes along each axis."""
    _check(nodes)
    return _extended(_float64(nodes), *rows, *columns)


def _check(nodes: NDArray[np.float64]) -> None:
    if nodes.ndim != 3 or nodes.shape[2] != 2 or min(nodes.shape[:2]) < 2:
        raise ValueError(f"nodes must be (rows, columns, 2), at least 2 x 2, got {nodes.shape}")


def _float64(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, np.float64)


def _grid_range(positions: tuple[float, float, int]) -> tuple[float, float]:
    """Return the first and the last of the positions of a grid: first, step and count."""
    first, step, count = positions
    return (first, first + step * (count - 1)) if count else (0.0, 0.0)


def _added_nodes(extent: tuple[float, float], count: int) -> tuple[int, int]:
    """Return how many nodes to add before and after `count` nodes, so that each point has 4 x 4 nodes.

    `extent` contains the least and the greatest coordinate. Raises ValueError.
    """
    low, high = extent
    if not (low >= -_MAX_COORDINATE and high <= _MAX_COORDINATE):
        raise ValueError("coordinates must be finite and near the lattice")
    return max(2, 2 - floor(low)), max(2, floor(high) + 4 - count)


@kernel
def _range(coordinates: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the greatest coordinate. Both are NaN if a coordinate is NaN."""
    if coordinates.size == 0:
        return 0.0, 0.0
    low = high = coordinates[0]
    for value in coordinates:
        if np.isnan(value):
            return np.nan, np.nan
        low, high = min(low, value), max(high, value)
    return low, high


@kernel
def _extended(
    nodes: NDArray[np.float64], before_row: int, after_row: int, before_column: int, after_column: int
) -> NDArray[np.float64]:
    """Return the lattice with more nodes: first rows are added, and then columns."""
    rows, columns, _ = nodes.shape
    out = np.empty((before_row + rows + after_row, before_column + columns + after_column, 2))
    left, right = before_column, before_column + columns - 1
    for i in range(out.shape[0]):
        r = i - before_row
        for c in range(columns):
            for k in range(2):
                if r < 0:
                    value = nodes[0, c, k] - r * (nodes[0, c, k] - nodes[1, c, k])
                elif r >= rows:
                    step = nodes[rows - 1, c, k] - nodes[rows - 2, c, k]
                    value = nodes[rows - 1, c, k] + (r - rows + 1) * step
                else:
                    value = nodes[r, c, k]
                out[i, before_column + c, k] = value
        for k in range(2):
            for c in range(1, before_column + 1):
                out[i, left - c, k] = out[i, left, k] + c * (out[i, left, k] - out[i, left + 1, k])
            for c in range(1, after_column + 1):
                out[i, right + c, k] = out[i, right, k] + c * (out[i, right, k] - out[i, right - 1, k])
    return out


@kernel
def _planes(nodes: NDArray[np.float64], scale: float, offset: float) -> NDArray[np.float64]:
    """Return the nodes times `scale` plus `offset`, (2, rows, columns)."""
    rows, columns, _ = nodes.shape
    out = np.empty((2, rows, columns))
    for i in range(rows):
        for j in range(columns):
            for k in range(2):
                out[k, i, j] = nodes[i, j, k] * scale + offset
    return out


@inline_kernel
def _weights(t: float) -> tuple[float, float, float, float]:
    """Return the Catmull-Rom weights of the nodes at -1, 0, 1, 2 for 0 <= t < 1."""
    a = t * (-0.5 + t * (1.0 - 0.5 * t))
    b = 1.0 + t * t * (-2.5 + 1.5 * t)
    c = t * (0.5 + t * (2.0 - 1.5 * t))
    d = t * t * (-0.5 + 0.5 * t)
    return a, b, c, d


@inline_kernel
def _slopes(t: float) -> tuple[float, float, float, float]:
    """Return the derivatives of `_weights` by t."""
    a = -0.5 + t * (2.0 - 1.5 * t)
    b = t * (-5.0 + 4.5 * t)
    c = 0.5 + t * (4.0 - 4.5 * t)
    d = t * (-1.0 + 1.5 * t)
    return a, b, c, d


@kernel
def _values(
    nodes: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    before_row: int,
    before_column: int,
) -> NDArray[np.float64]:
    """Return the values on the extended lattice, at coordinates of the lattice itself."""
    out = np.empty((row.size, 2))
    for n in range(row.size):
        r0 = row[n] + before_row
        c0 = column[n] + before_column
        i = int(np.floor(r0))
        j = int(np.floor(c0))
        down = _weights(r0 - i)
        along = _weights(c0 - j)
        for k in range(2):
            total = 0.0
            for r in range(4):
                line = 0.0
                for c in range(4):
                    line += along[c] * nodes[i - 1 + r, j - 1 + c, k]
                total += down[r] * line
            out[n, k] = total
    return out


@fastmath_kernel
def _grid(
    planes: NDArray[np.float64],
    first_row: float,
    row_step: float,
    row_count: int,
    first_column: float,
    column_step: float,
    column_count: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the two maps. For each row, nodes are first interpolated along columns to one line of values."""
    width = planes.shape[2]
    out = np.empty((2, row_count, column_count), np.float32)
    cell = np.empty(column_count, np.int64)
    inside = np.empty(column_count, np.float64)
    for n in range(column_count):
        position = first_column + n * column_step
        cell[n] = int(np.floor(position))
        inside[n] = position - cell[n]
    line = np.empty(width)
    for m in range(row_count):
        position = first_row + m * row_step
        i = int(np.floor(position))
        w0, w1, w2, w3 = _weights(position - i)
        for k in range(2):
            above, upper = planes[k, i - 1], planes[k, i]
            lower, beneath = planes[k, i + 1], planes[k, i + 2]
            for j in range(width):
                line[j] = w0 * above[j] + w1 * upper[j] + w2 * lower[j] + w3 * beneath[j]
            target = out[k, m]
            begin = 0
            while begin < column_count:
                j = cell[begin]
                end = begin + 1
                while end < column_count and cell[end] == j:
                    end += 1
                p0, p1, p2, p3 = line[j - 1], line[j], line[j + 1], line[j + 2]
                c1 = 0.5 * (p2 - p0)
                c2 = p0 - 2.5 * p1 + 2.0 * p2 - 0.5 * p3
                c3 = 1.5 * (p1 - p2) + 0.5 * (p3 - p0)
                part = target[begin:end]
                at = inside[begin:end]
                for n in range(end - begin):
                    t = at[n]
                    part[n] = p1 + t * (c1 + t * (c2 + t * c3))
                begin = end
    return out[0], out[1]


@kernel
def _position(
    nodes: NDArray[np.float64], targets: NDArray[np.float64], guess: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows, columns, _ = nodes.shape
    out = np.full_like(guess, np.nan)
    for n in range(targets.shape[0]):
        row = guess[n, 0]
        column = guess[n, 1]
        for _step in range(_NEWTON_STEPS):
            row = min(max(row, 1.0), rows - 2.001)
            column = min(max(column, 1.0), columns - 2.001)
            i = int(np.floor(row))
            j = int(np.floor(column))
            down = _weights(row - i)
            along = _weights(column - j)
            down_slope = _slopes(row - i)
            along_slope = _slopes(column - j)
            fx = fx_row = fx_column = 0.0
            fy = fy_row = fy_column = 0.0
            for r in range(4):
                for c in range(4):
                    w = down[r] * along[c]
                    w_row = down_slope[r] * along[c]
                    w_column = down[r] * along_slope[c]
                    x = nodes[i - 1 + r, j - 1 + c, 0]
                    y = nodes[i - 1 + r, j - 1 + c, 1]
                    fx += w * x
                    fx_row += w_row * x
                    fx_column += w_column * x
                    fy += w * y
                    fy_row += w_row * y
                    fy_column += w_column * y
            ex = targets[n, 0] - fx
            ey = targets[n, 1] - fy
            det = fx_row * fy_column - fx_column * fy_row
            if not abs(det) > 0.0:
                break
            step_row = (ex * fy_column - ey * fx_column) / det
            step_column = (ey * fx_row - ex * fy_row) / det
            row += step_row
            column += step_column
            if abs(step_row) + abs(step_column) < 1e-9:
                out[n, 0] = row
                out[n, 1] = column
                break
    return out
