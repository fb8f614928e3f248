"""Inspection image of the trace stage: the traces on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.plots.ecg_paper import Colour
from ecgdigit_rt.plots.inspect.canvas import (
    ALARM,
    WARNING,
    Image,
    add_caption,
    draw_curves,
    draw_tag,
    fade_to_grey,
    view_from_box,
)
from ecgdigit_rt.results import ALL_LEADS, Layout
from ecgdigit_rt.tracing.lead_trace import LeadTrace

LEAD_COLOURS: dict[str, Colour] = dict(
    zip(
        ALL_LEADS,
        (
            (0, 90, 190), (0, 125, 80), (120, 60, 170), (0, 125, 145), (70, 70, 200),
            (60, 120, 0), (150, 40, 150), (0, 105, 215), (0, 140, 110), (90, 75, 185),
            (0, 110, 130), (50, 95, 30), (40, 80, 160), (0, 115, 60), (105, 75, 190),
            (0, 100, 160), (85, 60, 150), (75, 110, 0), (130, 50, 170),
        ),
        strict=True,
    )
)  # fmt: skip
"""Colours of the leads.

All colours are cool, so that warnings stand out. Leads that are adjacent in common layouts have clearly
different colours.
"""

_HIGH_CONFIDENCE, _LOW_CONFIDENCE = 0.95, 0.5
"""Confidence from which a trace has the colour of its lead, and confidence below which it is orange.

Hand-picked, not tuned.
"""

_SHADES = 6
"""Number of shades from the colour of a lead to orange. Hand-picked, not tuned."""


def curves_from_traces(
    located: Located, mesh: Mesh, layout: Layout, traces: Sequence[Sequence[LeadTrace]]
) -> Image:
    """Return image 7: the traces on the page, in warmer colours where their confidence is low.

    `traces` contains one trace per segment of each row of the layout.
    """
    view = view_from_box(located.image, located.page_px)
    image = fade_to_grey(view.image)
    uncertain = columns = 0
    for row, row_traces in zip(layout.rows, traces, strict=True):
        for segment, trace in zip(row.segments, row_traces, strict=True):
            u_mm = trace.start_mm + np.arange(trace.height_mm.size) / trace.columns_per_mm
            curve = view.points_from_image(*mesh.pixels_from_mm(u_mm, row.baseline_mm - trace.height_mm))
            colour = LEAD_COLOURS[segment.lead]
            for piece, shade in _shaded_pieces(trace.confidence):
                thickness = 1 if shade < _SHADES / 2 else 2
                draw_curves(image, [curve[piece]], _shaded_colour(colour, shade), thickness)
            x, y = curve[0, 0], float(np.median(curve[:, 1]))
            draw_tag(image, segment.lead, (x + 4, y + 46), colour)
            uncertain += int(np.count_nonzero(trace.confidence < _HIGH_CONFIDENCE))
            columns += trace.confidence.size
    facts = f"traced by the trace stage: {100 * (1 - uncertain / columns):.1f} % with high confidence"
    legend = (
        (LEAD_COLOURS["I"], "trace, in the colour of its lead"),
        (WARNING, "low confidence"),
        (ALARM, "not detected: interpolated"),
    )
    return add_caption(image, "7  Traces", facts, legend)


def _shaded_pieces(confidence: NDArray[np.float32]) -> Iterator[tuple[slice, int]]:
    """Yield the pieces of equal shade, each with its shade, 0 (high confidence) to `_SHADES` (not detected).

    Each piece extends to the first column of the next piece.
    """
    uncertainty = (_HIGH_CONFIDENCE - confidence) / (_HIGH_CONFIDENCE - _LOW_CONFIDENCE)
    shades = np.ceil(np.clip(uncertainty, 0, 1) * (_SHADES - 1)).astype(int)
    shades[confidence == 0] = _SHADES
    cuts = [0, *(np.flatnonzero(np.diff(shades)) + 1), shades.size]
    for first, stop in pairwise(cuts):
        yield slice(first, stop + 1), int(shades[first])


def _shaded_colour(colour: Colour, shade: int) -> Colour:
    """Return the colour of a lead blended with orange according to the shade, or red for `_SHADES`."""
    if shade == _SHADES:
        return ALARM
    fraction = shade / (_SHADES - 1)
    red, green, blue = (round(c + fraction * (w - c)) for c, w in zip(colour, WARNING, strict=True))
    return red, green, blue
