"""Signals of vector PDFs against the paths in the files, and against the traces of their pictures.

    python benchmarks/vector_accuracy.py PDF... [--result RESULT.json] [--threads 2]

Each PDF is digitized from its lines and from its picture. The truth is extracted without code of the product:
the points of all path objects of the page, without joining or cutting. For each lead, the paths through its
curve are interpolated at the samples of the lead. The ratio is that of the powers of the signal and of the
difference, after the median difference is subtracted. The time is that of the lines, without the picture.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from pathlib import Path

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.drawing import DrawingNotUnderstood
from ecgdigit_rt.results import Digitized, Lead
from ecgdigit_rt.vector.pipeline import VectorState

Points = NDArray[np.float64]


def plain_paths(path: Path, size_px: tuple[int, int]) -> list[Points]:
    """Return the points of every path object of the first page, in pixels of an image of this size."""
    document = pypdfium2.PdfDocument(path)
    page = document[0]
    found = []
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH]):
        a, b, c, d, e, f = item.get_matrix().get()
        points = []
        for index in range(pdfium.FPDFPath_CountSegments(item)):
            x, y = ctypes.c_float(), ctypes.c_float()
            pdfium.FPDFPathSegment_GetPoint(pdfium.FPDFPath_GetPathSegment(item, index), x, y)
            points.append((a * x.value + c * y.value + e, b * x.value + d * y.value + f))
        found.append(_upright(np.array(points), page, size_px))
    document.close()
    return found


def _upright(points: Points, page: pypdfium2.PdfPage, size_px: tuple[int, int]) -> Points:
    """Return points of a page (upwards) in pixels of the rendered page (downwards)."""
    width, height = page.get_mediabox()[2:]
    x, y = points[:, 0], height - points[:, 1]
    for _ in range(page.get_rotation() // 90):
        x, y = height - y, x
        width, height = height, width
    return np.stack([x * size_px[0] / width, y * size_px[1] / height], 1)


def ratio_db(lead: Lead, paths: list[Points], px_per_mv: float) -> float:
    """Return the ratio between a lead and its difference from the paths through its curve, in dB."""
    x, y = lead.curve_px.T.astype(np.float64)
    truth = np.full(x.size, np.nan)
    for path in paths:
        if np.ptp(path[:, 0]) < 20:
            continue
        inside = (x >= path[:, 0].min() - 1e-3) & (x <= path[:, 0].max() + 1e-3)
        if not inside.any():
            continue
        order = np.argsort(path[:, 0], kind="stable")
        height = np.interp(x[inside], path[order, 0], path[order, 1])
        if np.median(np.abs(height - y[inside])) < 1:
            truth[inside] = height
    known = np.isfinite(truth)
    if known.mean() < 0.95:
        return float("nan")
    signal = -truth[known] / px_per_mv
    difference = signal - lead.mv[known]
    difference -= np.median(difference)
    return 10 * float(np.log10(np.var(signal) / np.mean(np.square(difference))))


def curve_difference_mv(exact: Lead, traced: Lead, px_per_mv: float) -> float:
    """Return the root mean square of the vertical distance of two curves in mV, without its median."""
    order = np.argsort(traced.curve_px[:, 0])
    x, y = exact.curve_px.T
    inside = (x >= traced.curve_px[order[0], 0]) & (x <= traced.curve_px[order[-1], 0])
    distance = np.interp(x[inside], traced.curve_px[order, 0], traced.curve_px[order, 1]) - y[inside]
    return float(np.sqrt(np.mean(np.square(distance - np.median(distance))))) / px_per_mv


def lines_of(digitizer: Digitizer, path: Path) -> tuple[VectorState | None, float, str]:
    """Return the state of the lines of the first page, the time in seconds, and why they cannot be read."""
    source = page_from_source(path)
    started = time.perf_counter()
    drawing = source.drawing()
    if drawing is None:
        return None, time.perf_counter() - started, "no lines"
    try:
        state = digitizer.digitize_drawing(drawing, source.page, None, source.words)
    except DrawingNotUnderstood as error:
        return None, time.perf_counter() - started, str(error)
    return state, time.perf_counter() - started, ""


def main() -> None:
    """Parse the arguments, digitize, compare, and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pdfs", nargs="+", type=Path)
    parser.add_argument("--result", type=Path, help="JSON file for the result")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    pages = []
    with (
        Digitizer(threads=arguments.threads, ocr=False) as lines,
        Digitizer(threads=arguments.threads, ocr=False, vector=False) as pictures,
    ):
        lines_of(lines, arguments.pdfs[0])  # compiles the kernels
        for path in arguments.pdfs:
            state, seconds, reason = lines_of(lines, path)
            facts: dict[str, object] = {"page": path.name, "seconds": round(seconds, 3)}
            if state is None:
                facts["not read"] = reason
            else:
                page = state.page
                px_per_mv = state.scale.y * page.layout.gain_mm_mv
                paths = plain_paths(path, state.drawing.size_px)
                ratios = [ratio_db(lead, paths, px_per_mv) for lead in page.leads.values()]
                facts |= {
                    "layout": page.layout.name,
                    "speed_mm_s": page.layout.speed_mm_s,
                    "gain_mm_mv": page.layout.gain_mm_mv,
                    "doubts": [doubt.id for doubt in page.doubts],
                    "mean_db": round(float(np.mean(ratios)), 1),
                    "lowest_db": round(float(np.min(ratios)), 1),
                }
                (picture,) = pictures.digitize_many([path])
                if isinstance(picture, Digitized):
                    common = [name for name in page.leads if name in picture.leads]
                    differences = [
                        curve_difference_mv(page.leads[name], picture.leads[name], px_per_mv)
                        for name in common
                    ]
                    facts["picture_difference_mv"] = (
                        round(float(np.median(differences)), 4) if common else None
                    )
            pages.append(facts)
            sys.stdout.write(f"{facts}\n")
        if arguments.result is not None:
            write_result(
                arguments.result, "vector_accuracy", arguments.threads, {"pages": pages}, lines.models
            )


if __name__ == "__main__":
    main()
