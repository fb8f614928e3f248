"""Inspection image of a vector file: its lines, and the traces of its picture."""

from __future__ import annotations

import numpy as np

from ecgdigit_rt.plots.inspect.canvas import (
    BLUE,
    WARNING,
    Image,
    add_caption,
    draw_curves,
    fade_to_grey,
    view_from_box,
)
from ecgdigit_rt.results import Digitized, Lead


def vector_comparison(image: Image, vector: Digitized, picture: Digitized | None) -> Image:
    """Return the page with the curves of both results over each other. `image` is the decoded image."""
    height, width = image.shape[:2]
    view = view_from_box(image, (0, 0, width, height))
    canvas = fade_to_grey(view.image)
    results = [(picture, WARNING), (vector, BLUE)] if picture is not None else [(vector, BLUE)]
    for page, colour in results:
        curves = [view.points_from_image(*lead.curve_px.T) for lead in page.leads.values()]
        draw_curves(canvas, curves, colour)
    return add_caption(
        canvas,
        "9  Vector file",
        difference_text(vector, picture),
        [(BLUE, "lines of the file"), (WARNING, "traces of the picture")],
    )


def difference_text(vector: Digitized, picture: Digitized | None) -> str:
    """Return how much the curves of both results differ at the same places of the page."""
    if picture is None:
        return "the picture cannot be digitized"
    common = [name for name in vector.leads if name in picture.leads]
    if not common:
        return "the picture has other leads"
    differences = [_difference_mv(vector.leads[name], picture.leads[name]) for name in common]
    return f"{len(common)} leads, root mean square difference {np.median(differences):.3f} mV (median)"


def _difference_mv(exact: Lead, traced: Lead) -> float:
    """Return the root mean square of the vertical distance of two curves in mV, without its median."""
    x, y = exact.curve_px.T.astype(np.float64)
    order = np.argsort(traced.curve_px[:, 0])
    inside = (x >= traced.curve_px[order[0], 0]) & (x <= traced.curve_px[order[-1], 0])
    size_px, size_mv = float(np.ptp(y)), float(np.ptp(exact.mv))
    if not inside.any() or size_px <= 0:
        return float("nan")
    distance = y[inside] - np.interp(x[inside], traced.curve_px[order, 0], traced.curve_px[order, 1])
    return float(np.sqrt(np.mean(np.square(distance - np.median(distance))))) * size_mv / size_px
