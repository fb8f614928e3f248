"""True curves and layout of a page on another mesh.

True paper millimetres are mapped to pixels, and pixels are mapped to the millimetres of that mesh.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.truth import COLUMNS_PER_MM, PageTruth
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.results import Layout, Row
from ecgdigit_rt.tracing.assemble import rotate_points

Array = NDArray[np.float64]


class MeshMissesRows(ValueError):
    """The mesh does not cover the rows of the page."""


@dataclasses.dataclass(frozen=True, slots=True)
class CurveOnMesh:
    """True curve of one row: the position of each of its samples (n,) in the mm of a mesh."""

    u_mm: Array
    v_mm: Array


def true_mesh(truth: PageTruth) -> Mesh:
    """Return the true mesh of the original image."""
    return Mesh(truth.nodes_px, truth.origin_mm, residual_px=0.0, coverage=1.0, step_mm=truth.step_mm)


def true_positions(row: Row, curve: NDArray[np.float32]) -> tuple[Array, Array]:
    """Return the true u, v of the samples of a curve on paper."""
    return row.start_mm + np.arange(curve.size) / COLUMNS_PER_MM, row.baseline_mm - curve.astype(np.float64)


def curves_on_mesh(truth: PageTruth, mesh: Mesh, quarter_turns: int = 0) -> list[CurveOnMesh]:
    """Return the curves of the page on a mesh of the image rotated back by `quarter_turns`.

    Raises MeshMissesRows if the mesh does not cover a row.
    """
    curves = []
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        pixels = np.stack(truth.pixels_from_mm(*true_positions(row, curve)), -1).astype(np.float32)
        upright = rotate_points(pixels, truth.image_size, -quarter_turns).astype(np.float64)
        u, v = mesh.mm_from_pixels(upright[:, 0], upright[:, 1])
        if not (np.isfinite(u) & np.isfinite(v)).all():
            raise MeshMissesRows(f"the mesh does not cover the row at {row.baseline_mm:.0f} mm")
        curves.append(CurveOnMesh(u, v))
    return curves


def layout_on_mesh(truth: PageTruth, curves: list[CurveOnMesh]) -> Layout:
    """Return the true layout with every row translated to its median position on the mesh.

    Windows keep their true widths, as in the product. A mesh that stretches time therefore causes an error.
    """
    rows = []
    for row, true_curve, curve in zip(truth.layout.rows, truth.curves, curves, strict=True):
        u, v = true_positions(row, true_curve)
        rows.append(_translate(row, float(np.median(curve.u_mm - u)), float(np.median(curve.v_mm - v))))
    return dataclasses.replace(truth.layout, rows=tuple(rows))


def _translate(row: Row, u_mm: float, v_mm: float) -> Row:
    segments = tuple(
        dataclasses.replace(s, start_mm=s.start_mm + u_mm, end_mm=s.end_mm + u_mm) for s in row.segments
    )
    return Row(row.baseline_mm + v_mm, segments)
