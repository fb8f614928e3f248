"""Where the record begins and ends on paper: what all rows show together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.results import Layout
from ecgdigit_rt.tracing.row_traces import RowEnds

_USUAL_WIDTHS_MM = (250.0, 125.0)
_WIDTH_TOLERANCE_MM = 8.0
_ROUGH_TOLERANCE_MM = 16.0
_NEARER = 1 / 3
_DRAWN_STEP_MM = 0.5
_DRAWN_REACH_MM = 0.17  # 75 starts were measured 0.13 mm too early to 0.16 mm too late
_EDGE_MM = 1.0
_STRAIGHT_SLOPE = 4e-4
_STRAIGHT_PX = 0.2
_DRAWN_DPI_STEP, _DRAWN_DPI_MISS = 50.0, 2e-4


def common_extent_mm(
    starts: Sequence[float], ends: Sequence[float], pulse_side: str = ""
) -> tuple[float, float]:
    """Start and end of the record on paper, from where the rows' traces begin and end.

    Machines print 250 mm (or half of that) and start all rows together: then every row's two ends
    measure one number. Ink reaches half a pen's width beyond both, so together they are right; a
    calibration pulse (`pulse_side` left or right) hides the end it stands at, and the other side alone is
    believed: of its ends one that is nearer, since all that may be seen there only makes a row longer.
    With any other width, the medians.
    """
    start, end = float(np.median(starts)), float(np.median(ends))
    for width in _USUAL_WIDTHS_MM:
        if abs(end - start - width) > _WIDTH_TOLERANCE_MM:
            continue
        from_ends = np.asarray(ends) - width
        if pulse_side == "left":
            start = float(np.quantile(from_ends, _NEARER))
        elif pulse_side == "right":
            start = float(np.quantile(starts, 1 - _NEARER))
        else:
            start = float(np.median(np.concatenate([starts, from_ends])))
        return start, start + width
    return start, end


def ends_within_image(
    ends: Sequence[RowEnds], layout: Layout, mesh: Mesh, size_px: tuple[int, int]
) -> list[RowEnds]:
    """The ends less those at the picture's own edge: there the picture ends, not the record.

    size_px: the picture's width and height.
    """
    return [
        RowEnds(
            _inner(end.start_mm, row.baseline_mm, mesh, size_px),
            _inner(end.end_mm, row.baseline_mm, mesh, size_px),
        )
        for end, row in zip(ends, layout.rows, strict=True)
    ]


def _inner(place_mm: float | None, baseline_mm: float, mesh: Mesh, size_px: tuple[int, int]) -> float | None:
    if place_mm is None:
        return None
    x, y = mesh.pixels_from_mm(np.array([place_mm - _EDGE_MM, place_mm + _EDGE_MM]), baseline_mm)
    inside = (x > 0) & (x < size_px[0]) & (y > 0) & (y < size_px[1])
    return place_mm if inside.all() else None


def record_extent_mm(
    ends: Sequence[RowEnds], layout: Layout, pulse_side: str, *, is_cut: bool = False
) -> tuple[float, float]:
    """The record's start and end from the ends that were seen.

    Where one side shows none, it is a usual width away from the other; where neither does, the layout's
    rough ends stand. is_cut: rows run into the picture's edge, so the record is wider than what is seen.
    """
    starts = [row.start_mm for row in ends if row.start_mm is not None]
    stops = [row.end_mm for row in ends if row.end_mm is not None]
    if starts and stops:
        return common_extent_mm(starts, stops, pulse_side)
    rough = layout.rows[0]
    if not starts and not stops:
        return rough.start_mm, rough.end_mm
    width = _usual_width(rough.end_mm - rough.start_mm, is_cut=is_cut)
    if starts:
        start = float(np.median(starts))
        return start, rough.end_mm if width is None else start + width
    end = float(np.median(stops))
    return rough.start_mm if width is None else end - width, end


def _usual_width(rough_mm: float, *, is_cut: bool) -> float | None:
    near = [width for width in _USUAL_WIDTHS_MM if abs(rough_mm - width) < _ROUGH_TOLERANCE_MM]
    wider = [width for width in _USUAL_WIDTHS_MM if is_cut and width > rough_mm]
    return near[0] if near else min(wider, default=None)


def snap_to_half_mm(start_mm: float, mesh: Mesh) -> float:
    """The record's start, moved to where a program that drew grid and record would have put it.

    Ink tells the first sample's place to some 0.15 mm, and every lead suffers from a fraction of a sample
    (0.05 mm). Programs begin a record at a whole multiple of half a millimetre of their grid, so that is
    where it is taken to be, unless it was measured plainly elsewhere. On paper with a grid of its own this
    moves the record by 7 ms at most, all leads alike. Plotting libraries put the grid's thin lines on whole
    pixels but not the curve: in a picture that is still as it was drawn, the grid stands half a pixel too
    far to the right.
    """
    if np.isnan(mesh.residual_px):  # there is no grid to begin on
        return start_mm
    pixel_mm = _drawn_pixel_mm(mesh)
    late = 0.0 if pixel_mm is None else 0.5 * pixel_mm
    drawn = round((start_mm + late) / _DRAWN_STEP_MM) * _DRAWN_STEP_MM - late
    return drawn if abs(drawn - start_mm) < _DRAWN_REACH_MM else start_mm


def _drawn_pixel_mm(mesh: Mesh) -> float | None:
    """The size of a pixel where the picture is a drawing still, upright or turned by a program.

    Upright, no scan or photo is as straight as a drawing. A turned one is as flat and square, and so may a
    scan be; but only a drawing has its resolution, a multiple of 50 dpi, to a ten-thousandth, and to that
    it is measured.
    """
    rows, columns = mesh.pixels.shape[:2]
    v, u = (axis.ravel() * mesh.step_mm for axis in np.mgrid[:rows, :columns])
    basis = np.stack([np.ones(u.size), u, v], 1)
    nodes = mesh.pixels.reshape(-1, 2).astype(np.float64)
    found = np.linalg.lstsq(basis, nodes, rcond=None)[0]
    if float(np.sqrt(np.mean((basis @ found - nodes) ** 2))) > _STRAIGHT_PX:
        return None
    (along_x, along_y), (down_x, down_y) = found[1], found[2]
    if max(abs(along_y), abs(down_x), abs(along_x - down_y)) < _STRAIGHT_SLOPE * along_x:
        return float(1 / along_x)
    along = float(np.hypot(along_x, along_y))
    is_square = max(abs(along_x - down_y), abs(along_y + down_x)) < _STRAIGHT_SLOPE * along
    steps = along * 25.4 / _DRAWN_DPI_STEP
    is_drawn = abs(steps - round(steps)) < _DRAWN_DPI_MISS * steps
    return 1 / along if is_square and is_drawn else None
