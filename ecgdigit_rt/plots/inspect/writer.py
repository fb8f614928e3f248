"""Output folder of an inspection: the images as PNG, and the values that they show as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2

from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.formats.metadata import doubts_metadata, round_finite
from ecgdigit_rt.layout.evidence import Evidence
from ecgdigit_rt.layout.match import LayoutReading
from ecgdigit_rt.plots.inspect.inspection import IMAGE_NAMES, VECTOR_NAME, Inspection, images_from_inspection
from ecgdigit_rt.plots.inspect.lead_plot import TrueLead
from ecgdigit_rt.results import FAILED, Digitized

METADATA_FILE = "inspect.json"


def write_inspection(inspection: Inspection, folder: Path) -> list[Path]:
    """Write the images as PNG and the values as `METADATA_FILE`, and return the paths of the files.

    Images of an earlier inspection are removed. Raises OutputNotWritable if a file cannot be written.
    """
    with reraise_as_output_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*IMAGE_NAMES, VECTOR_NAME):
            (folder / f"{name}.png").unlink(missing_ok=True)
    written = []
    for name, image in images_from_inspection(inspection):
        path = folder / f"{name}.png"
        png = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
        with reraise_as_output_error(path):
            path.write_bytes(png)
        written.append(path)
    metadata = metadata_from_inspection(inspection, written)
    path = folder / METADATA_FILE
    with reraise_as_output_error(path):
        document = json.dumps(metadata, indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(document + "\n", encoding="utf-8")
    return [*written, path]


def metadata_from_inspection(inspection: Inspection, written: Sequence[Path] = ()) -> dict[str, object]:
    """Return the values that the images show, as a JSON object. Unknown values are None."""
    page, mesh, failed, located = inspection.result, inspection.mesh, inspection.failed, inspection.located
    layout = page.layout if page else inspection.reading.layout if inspection.reading else None
    return {
        "path": str(inspection.source.path),
        "status": FAILED if failed else page.status if page else None,
        "doubts": doubts_metadata(page) if page else [],
        "signal_source": page.signal_source if page else None,
        "error": {"id": failed.error_id, "message": failed.message, "hint": failed.hint} if failed else None,
        "steps": inspection.steps,
        "images": [path.name for path in written],
        "quarter_turns": located.quarter_turns if located else None,
        "sheet_px": located.page_px if located else None,
        "residual_px": round_finite(mesh.residual_px, 3) if mesh else None,
        "coverage": round_finite(mesh.coverage, 3) if mesh else None,
        "layout": {
            "name": layout.name,
            "speed_mm_s": layout.speed_mm_s,
            "gain_mm_mv": layout.gain_mm_mv,
            "rows": [[segment.lead for segment in row.segments] for row in layout.rows],
        }
        if layout
        else None,
        "evidence": evidence_metadata(inspection.reading) if inspection.reading else None,
        "seconds": {step: round(s, 4) for step, s in page.seconds.items()} if page else None,
        "leads": _lead_metadata(page, inspection.truth) if page else {},
    }


def evidence_metadata(reading: LayoutReading) -> dict[str, dict[str, dict[str, object]]]:
    """Return the evidence for the best layouts, and for all paper speeds and gains, in natural logarithms."""
    layouts: dict[str, dict[str, object]] = {}
    for hypothesis in reading.hypotheses:
        layouts.setdefault(hypothesis.text, _points_metadata(hypothesis.evidence))
    evidence: dict[str, dict[str, dict[str, object]]] = {"layouts": layouts}
    if reading.scale is not None:
        scales = {"speeds_mm_s": reading.scale.speed, "gains_mm_mv": reading.scale.gain}
        for quantity, scale in scales.items():
            evidence[quantity] = {
                f"{value:g}": _points_metadata(scale.by_value[value]) for value in scale.ranked
            }
    return evidence


def _points_metadata(evidence: Sequence[Evidence]) -> dict[str, object]:
    """Return the sum of the points, and each item of the evidence as text."""
    total = sum(item.points for item in evidence)
    return {"points": round_finite(total, 2), "items": [str(item) for item in evidence]}


def _lead_metadata(page: Digitized, truth: Mapping[str, TrueLead]) -> dict[str, dict[str, float | None]]:
    """Return start, duration and confidence of each lead, and its agreement with a known truth."""
    leads: dict[str, dict[str, float | None]] = {}
    for name, lead in page.leads.items():
        leads[name] = {
            "start_s": round(lead.start_s, 4),
            "duration_s": round(lead.duration_s, 4),
            "confidence": round(lead.confidence, 4),
        }
        if name in truth:
            leads[name] |= {
                "snr_db": round_finite(truth[name].db, 3),
                "nrmse_percent": round_finite(truth[name].nrmse_percent, 3),
                "pearson": round_finite(truth[name].pearson, 5),
            }
    return leads
