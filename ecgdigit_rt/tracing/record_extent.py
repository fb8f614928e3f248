"""Start and end of the record on paper, from the ends of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.catalog import STANDARD_WIDTHS_MM
from ecgdigit_rt.results import Layout
from ecgdigit_rt.tracing.row_traces import RowEnds

# Hand-picked, not tuned.
_WIDTH_TOLERANCE_MM = 8.0  # maximum deviation of a measured width from a standard width
_ROUGH_TOLERANCE_MM = 16.0  # maximum deviation of an approximate width from a standard width
_NEAR_QUANTILE = 1 / 3  # quantile of the row ends opposite a pulse, counted from inside the record
_EDGE_MM = 1.0  # distance from the image edge within which a row end may be caused by the edge

_REACHED_MM = 0.5  # maximum distance of ink from the edge of the image that it touches
_MIN_BEYOND_EDGE_MM, _MAX_BEYOND_EDGE_MM = -0.3, 1.2
"""Distances of a measured start from the edge of the image for which the record starts at the edge. Measured:
0.3 to 0.9 mm on drawings with pulses at the right, whose records start at the edge."""

_MIN_GAPPED_ROWS = 3  # minimum number of rows of several leads that show gaps
_MAX_RAGGED_MM = 1.0  # maximum misalignment of the ends of rows with gaps
_MIN_GAP_MM, _MAX_GAP_MM = 1.0, 4.0
"""Range of the width of gaps between columns. Measured: 2 mm on the reports of one device. Without gaps, the
widths of rows deviate from a standard width by at most 2 mm, or 0.7 mm per gap."""

_SNAP_STEP_MM = 0.5
"""Distance between the grid positions at which programs start a record. On each of 75 measured pages, the
true start of the record is within 0.02 mm of such a position."""
_MAX_SNAP_MM = 0.17
"""Maximum correction of a start. On these 75 pages, the starts measured from the ink are between 0.13 mm too
early and 0.16 mm too late."""

# Hand-picked, not tuned.
_MAX_DRAWN_SLOPE = 4e-4  # maximum slope and shear of a drawing
_MAX_DRAWN_RMS_PX = 0.2  # maximum deviation of the mesh of a drawing from an affine map
_DPI_STEP, _MAX_DPI_ERROR = 50.0, 2e-4  # step of the resolution of drawings, and maximum relative deviation


def common_extent_mm(
    starts: Sequence[float], ends: Sequence[float], pulse_side: str = ""
) -> tuple[float, float]:
    """Return start and end of the record on paper from the ends of the traces of all rows.

    Machines print 250 mm (or half of that) and start all rows together. Therefore each of the two ends of
    each row is a measurement of the same start. Ink extends half a pen width beyond both ends. These two
    errors have opposite signs and cancel.

    A calibration pulse (`pulse_side` left or right) hides the row ends on its side, so that only those on the
    other side are used. Their quantile towards the inside of the record is taken, because artefacts only make
    a row longer. If the width is not near a standard width, the medians are returned.
    """
    start, end = float(np.median(starts)), float(np.median(ends))
    for width in STANDARD_WIDTHS_MM:
        if abs(end - start - width) > _WIDTH_TOLERANCE_MM:
            continue
        from_ends = np.asarray(ends) - width
        if pulse_side == "left":
            start = float(np.quantile(from_ends, _NEAR_QUANTILE))
        elif pulse_side == "right":
            start = float(np.quantile(starts, 1 - _NEAR_QUANTILE))
        else:
            start = float(np.median(np.concatenate([starts, from_ends])))
        return start, start + width
    return start, end


@dataclass(frozen=True, slots=True)
class GappedExtent:
    """Extent of a record whose columns are separated by gaps, in which no time passes."""

    start_mm: float
    width_mm: float
    gap_mm: float


def gapped_extent(ends: Sequence[RowEnds], layout: Layout) -> GappedExtent | None:
    """Return the extent of a record with gaps between its columns, or None if there are no gaps.

    Without gaps, rows have a standard width. With gaps, all rows of several leads are longer by the same
    length, and both of their ends are aligned.
    """
    pairs = [(row, end) for row, end in zip(layout.rows, ends, strict=True) if len(row.segments) > 1]
    starts = [end.start_mm for _, end in pairs if end.start_mm is not None]
    stops = [end.end_mm for _, end in pairs if end.end_mm is not None]
    if min(len(starts), len(stops)) < _MIN_GAPPED_ROWS or len(starts) + len(stops) < 2 * len(pairs):
        return None
    if max(float(np.ptp(starts)), float(np.ptp(stops))) > _MAX_RAGGED_MM:
        return None
    start, measured = float(np.median(starts)), float(np.median(stops)) - float(np.median(starts))
    columns = max(len(row.segments) for row, _ in pairs)
    for width in STANDARD_WIDTHS_MM:
        gap = (measured - width) / (columns - 1)
        if _MIN_GAP_MM < gap < _MAX_GAP_MM:
            return GappedExtent(start, width, gap)
    return None


def ends_within_image(
    ends: Sequence[RowEnds], layout: Layout, mesh: Mesh, size_px: tuple[int, int]
) -> list[RowEnds]:
    """Return the ends without those at the edge of the image, beyond which the record may continue.

    `size_px` is the width and height of the image.
    """
    return [
        RowEnds(
            _if_inside(end.start_mm, row.baseline_mm, mesh, size_px),
            _if_inside(end.end_mm, row.baseline_mm, mesh, size_px),
        )
        for end, row in zip(ends, layout.rows, strict=True)
    ]


def _if_inside(
    position_mm: float | None, baseline_mm: float, mesh: Mesh, size_px: tuple[int, int]
) -> float | None:
    if position_mm is None or not is_within_image(position_mm, baseline_mm, mesh, size_px):
        return None
    return position_mm


def is_within_image(position_mm: float, baseline_mm: float, mesh: Mesh, size_px: tuple[int, int]) -> bool:
    """Return whether the points 1 mm before and after a position on a row are inside the image."""
    x, y = mesh.pixels_from_mm(np.array([position_mm - _EDGE_MM, position_mm + _EDGE_MM]), baseline_mm)
    inside = (x > 0) & (x < size_px[0]) & (y > 0) & (y < size_px[1])
    return bool(inside.all())


def start_at_image_edge_mm(
    predicted: Sequence[RowEnds], start_mm: float, layout: Layout, mesh: Mesh
) -> float:
    """Return the left edge of the image if the record starts there, or else `start_mm`.

    Programs draw records without a margin. The ink of all rows then reaches the edge, and strips repeat the
    pixels of the edge, so that no row has a start. A pulse at the other end makes the record look too long.
    """
    edges = [
        float(mesh.mm_from_pixels(0.0, mesh.pixels_from_mm(row.start_mm, row.baseline_mm)[1])[0])
        for row in layout.rows
    ]
    starts = [end.start_mm for end in predicted]
    reach_edge = [
        start is not None and start < edge + _REACHED_MM for start, edge in zip(starts, edges, strict=True)
    ]
    edge_mm = float(np.median(edges))
    is_near = _MIN_BEYOND_EDGE_MM < start_mm - edge_mm < _MAX_BEYOND_EDGE_MM
    return edge_mm if is_near and np.mean(reach_edge) > 0.5 else start_mm


def record_extent_mm(
    ends: Sequence[RowEnds], layout: Layout, pulse_side: str, *, is_cut: bool = False
) -> tuple[float, float]:
    """Return start and end of the record from the detected ends of its rows.

    If row ends were detected on one side only, the other side is placed a standard width away, or at its
    approximate position in `layout` if no standard width matches. Without any ends, both approximate
    positions are returned. `is_cut` means that the edge of the image cuts rows, so that the record is wider
    than its visible part.
    """
    starts = [row.start_mm for row in ends if row.start_mm is not None]
    stops = [row.end_mm for row in ends if row.end_mm is not None]
    if starts and stops:
        return common_extent_mm(starts, stops, pulse_side)
    rough = layout.rows[0]
    if not starts and not stops:
        return rough.start_mm, rough.end_mm
    width = _standard_width(rough.end_mm - rough.start_mm, is_cut=is_cut)
    if starts:
        start = float(np.median(starts))
        return start, rough.end_mm if width is None else start + width
    end = float(np.median(stops))
    return rough.start_mm if width is None else end - width, end


def _standard_width(rough_mm: float, *, is_cut: bool) -> float | None:
    """Return the standard width near `rough_mm`, if there is one.

    Otherwise return the next larger standard width if the record is cut, or None if it is not.
    """
    near = [width for width in STANDARD_WIDTHS_MM if abs(rough_mm - width) < _ROUGH_TOLERANCE_MM]
    wider = [width for width in STANDARD_WIDTHS_MM if is_cut and width > rough_mm]
    return near[0] if near else min(wider, default=None)


def snap_to_half_mm(start_mm: float, mesh: Mesh) -> float:
    """Return the start of the record, snapped to the nearest half millimetre of the grid if it is close.

    Ink locates the first sample to about 0.15 mm. A sample is 0.05 mm wide, and an error of even a fraction
    of a sample lowers the accuracy of every lead. Programs start a record at a multiple of half a millimetre
    of their grid. Therefore a start that is measured near such a multiple is moved to it. On preprinted paper
    this moves the record by at most 7 ms, equally in all leads.

    Plotting libraries align the thin lines of the grid with whole pixels, but not the curve. In a drawing
    that was not printed or resampled, the grid is therefore half a pixel too far to the right.
    """
    if np.isnan(mesh.residual_px):  # there is no grid
        return start_mm
    pixel_mm = _drawn_pixel_mm(mesh)
    grid_offset = 0.0 if pixel_mm is None else 0.5 * pixel_mm
    snapped = round((start_mm + grid_offset) / _SNAP_STEP_MM) * _SNAP_STEP_MM - grid_offset
    return snapped if abs(snapped - start_mm) < _MAX_SNAP_MM else start_mm


def _drawn_pixel_mm(mesh: Mesh) -> float | None:
    """Return the size of a pixel in mm if a program drew the image, upright or rotated, else None.

    No scan or photo is as straight as an upright drawing. A rotated drawing is equally flat and square, but a
    scan may be flat and square as well. However, only the resolution of a drawing is a multiple of 50 dpi to
    within `_MAX_DPI_ERROR`, and the mesh measures the resolution to that accuracy.
    """
    rows, columns = mesh.pixels.shape[:2]
    v, u = (axis.ravel() * mesh.step_mm for axis in np.mgrid[:rows, :columns])
    basis = np.stack([np.ones(u.size), u, v], 1)
    nodes = mesh.pixels.reshape(-1, 2).astype(np.float64)
    solution = np.linalg.lstsq(basis, nodes, rcond=None)[0]
    if float(np.sqrt(np.mean((basis @ solution - nodes) ** 2))) > _MAX_DRAWN_RMS_PX:
        return None
    (u_x, u_y), (v_x, v_y) = solution[1], solution[2]
    if max(abs(u_y), abs(v_x), abs(u_x - v_y)) < _MAX_DRAWN_SLOPE * u_x:
        return float(1 / u_x)
    px_per_mm = float(np.hypot(u_x, u_y))
    is_square = max(abs(u_x - v_y), abs(u_y + v_x)) < _MAX_DRAWN_SLOPE * px_per_mm
    steps = px_per_mm * 25.4 / _DPI_STEP
    is_drawn = abs(steps - round(steps)) < _MAX_DPI_ERROR * steps
    return 1 / px_per_mm if is_square and is_drawn else None
