"""A page's truth as it stands on another mesh: every curve from paper to picture and back to that paper."""

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
    """The mesh does not reach the places where the page's rows are."""


@dataclasses.dataclass(frozen=True, slots=True)
class CurveOnMesh:
    """One row's true curve: where each of its samples (n,) stands by a mesh, in that mesh's mm."""

    u_mm: Array
    v_mm: Array


def true_mesh(truth: PageTruth) -> Mesh:
    """The truth's own lattice, node by node, in the picture as it was taken."""
    return Mesh(truth.nodes_px, truth.origin_mm, residual_px=0.0, coverage=1.0, step_mm=truth.step_mm)


def true_places(row: Row, curve: NDArray[np.float32]) -> tuple[Array, Array]:
    """True u, v of a curve's samples on paper."""
    return row.start_mm + np.arange(curve.size) / COLUMNS_PER_MM, row.baseline_mm - curve.astype(np.float64)


def curves_on_mesh(truth: PageTruth, mesh: Mesh, quarter_turns: int = 0) -> list[CurveOnMesh]:
    """The page's curves by `mesh`, which lies in the picture turned back by `quarter_turns`.

    Raises MeshMissesRows.
    """
    curves = []
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        pixels = np.stack(truth.pixels_from_mm(*true_places(row, curve)), -1).astype(np.float32)
        upright = rotate_points(pixels, truth.image_size, -quarter_turns).astype(np.float64)
        u, v = mesh.mm_from_pixels(upright[:, 0], upright[:, 1])
        if not (np.isfinite(u) & np.isfinite(v)).all():
            raise MeshMissesRows(f"the mesh misses the row at {row.baseline_mm:.0f} mm")
        curves.append(CurveOnMesh(u, v))
    return curves


def layout_on_mesh(truth: PageTruth, curves: list[CurveOnMesh]) -> Layout:
    """The true layout with every row moved as a whole to where the mesh has most of it.

    Windows keep their true widths, as the product's do, so a mesh that stretches time pays for it.
    """
    rows = []
    for row, true, seen in zip(truth.layout.rows, truth.curves, curves, strict=True):
        u, v = true_places(row, true)
        rows.append(_moved(row, float(np.median(seen.u_mm - u)), float(np.median(seen.v_mm - v))))
    return dataclasses.replace(truth.layout, rows=tuple(rows))


def _moved(row: Row, along_mm: float, down_mm: float) -> Row:
    segments = tuple(
        dataclasses.replace(s, start_mm=s.start_mm + along_mm, end_mm=s.end_mm + along_mm)
        for s in row.segments
    )
    return Row(row.baseline_mm + down_mm, segments)
