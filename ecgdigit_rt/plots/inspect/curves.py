"""Stage 2's picture: the traced curves where they lie on the page."""

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
    captioned,
    lines,
    tag,
    view_from_box,
    washed,
)
from ecgdigit_rt.results import LEADS, Layout
from ecgdigit_rt.tracing.lead_trace import LeadTrace

LEAD_COLOURS: dict[str, Colour] = dict(
    zip(
        LEADS,
        (
            (0, 90, 190), (0, 125, 80), (120, 60, 170), (0, 125, 145), (70, 70, 200),
            (60, 120, 0), (150, 40, 150), (0, 105, 215), (0, 140, 110), (90, 75, 185),
            (0, 110, 130), (50, 95, 30),
        ),
        strict=True,
    )
)  # fmt: skip
"""All cool, so that the warning stands out; those that meet on usual pages differ."""

_SURE, _UNSURE = 0.95, 0.5
"""Confidence down to which a curve has its lead's colour, and from which on the warning's."""

_SHADES = 6


def curves_from_traces(
    located: Located, mesh: Mesh, layout: Layout, traces: Sequence[Sequence[LeadTrace]]
) -> Image:
    """Picture 7: every lead's curve over the page, warmer where the tracer was less sure.

    traces: one per segment of every row of the layout.
    """
    view = view_from_box(located.image, located.page_px)
    image = washed(view.image)
    unsure = columns = 0
    for row, row_traces in zip(layout.rows, traces, strict=True):
        for segment, trace in zip(row.segments, row_traces, strict=True):
            along = trace.start_mm + np.arange(trace.height_mm.size) / trace.columns_per_mm
            curve = view.places(*mesh.pixels_from_mm(along, row.baseline_mm - trace.height_mm))
            colour = LEAD_COLOURS[segment.lead]
            for piece, shade in _pieces(trace.confidence):
                lines(image, [curve[piece]], _warmed(colour, shade), 1 if shade < _SHADES / 2 else 2)
            x, y = curve[0, 0], float(np.median(curve[:, 1]))
            tag(image, segment.lead, (x + 4, y + 46), colour)
            unsure += int(np.count_nonzero(trace.confidence < _SURE))
            columns += trace.confidence.size
    facts = f"what stage 2 traced: {100 * (1 - unsure / columns):.1f} % of it surely"
    legend = (
        (LEAD_COLOURS["I"], "curve, in its lead's colour"),
        (WARNING, "less sure"),
        (ALARM, "not seen: bridged"),
    )
    return captioned(image, "7  Traces", facts, legend)


def _pieces(confidence: NDArray[np.float32]) -> Iterator[tuple[slice, int]]:
    """Stretches of equal shade, 0 for sure to `_SHADES` for not seen; each reaches the next one's start."""
    doubt = np.clip((_SURE - confidence) / (_SURE - _UNSURE), 0, 1)
    shades = np.ceil(doubt * (_SHADES - 1)).astype(int)
    shades[confidence == 0] = _SHADES
    cuts = [0, *(np.flatnonzero(np.diff(shades)) + 1), shades.size]
    for first, stop in pairwise(cuts):
        yield slice(first, stop + 1), int(shades[first])


def _warmed(colour: Colour, shade: int) -> Colour:
    """A lead's colour, as far on its way to the warning as the shade says."""
    if shade == _SHADES:
        return ALARM
    share = shade / (_SHADES - 1)
    red, green, blue = (round(c + share * (w - c)) for c, w in zip(colour, WARNING, strict=True))
    return red, green, blue
