"""Metadata of a page: JSON values, and comment lines for formats without JSON.

| output | metadata |
|---|---|
| `json`, `csv`, `npz`, data frame | `page_metadata` |
| `wfdb`, `dicom` | `page_comments`, `doubt_comments` and `lead_comment` |
| `parquet` | `source_metadata`, and columns for the page and its leads |
| `submission` | none |

The run report also uses these functions.
"""

from __future__ import annotations

import math

from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import ALL_LEADS, Digitized, Failed, Lead, Result
from ecgdigit_rt.sanitize import escape_control_chars
from ecgdigit_rt.tracing.lead_relations import residuals

SCHEMA_VERSION = 3
"""Version of `page.schema.json`."""

UNIT = "mV"
"""Unit of all signals."""


def missing_leads(result: Result) -> list[str]:
    """Return the leads of the layout that were not digitized, in standard order.

    A failed page has no layout, so the list is empty.
    """
    if isinstance(result, Failed):
        return []
    on_page = {segment.lead for row in result.layout.rows for segment in row.segments}
    digitized = lead_names(result)
    return [name for name in ALL_LEADS if name in on_page and name not in digitized]


def page_metadata(page: Digitized, page_id: str = "") -> dict[str, object]:
    """Return the metadata of a digitized page, with the keys of `page.schema.json`.

    Unknown values are None. Processing times are left out, so that repeated runs give equal metadata.
    """
    provenance = page.provenance
    return {
        **source_metadata(page, page_id),
        "status": page.status,
        "doubts": doubts_metadata(page),
        "software": provenance.software if provenance else None,
        "models": provenance.models if provenance else None,
        "device": provenance.device if provenance else None,
        "signal_source": page.signal_source,
        "unit": UNIT,
        "duration_s": round_finite(page.duration_s, 6),
        "layout": layout_metadata(page),
        "leads": {name: lead_metadata(page.leads[name]) for name in lead_names(page)},
        "missing": missing_leads(page),
        "expected_db": round_finite(page.expected_db, 2),
        "quality": quality_metadata(page),
        "notes": list(page.notes),
    }


def failure_metadata(page: Failed, page_id: str = "") -> dict[str, object]:
    """Return the metadata of a failed page: its source, its status and the error."""
    error = {"error_id": page.error_id, "message": page.message, "hint": page.hint}
    return {**source_metadata(page, page_id), "status": page.status, **error}


def source_metadata(page: Digitized | Failed, page_id: str = "") -> dict[str, object]:
    """Return the schema version, the page id, the file and the page number, which counts from 1.

    Bytes of the id and of the file name that are not valid UTF-8 are escaped.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "id": escape_surrogates(page_id or page.source.id),
        "source": escape_surrogates(str(page.source.path)),
        "page": page.source.page + 1,
    }


def lead_metadata(lead: Lead) -> dict[str, float | None]:
    """Return the sample count, the rate, the times, the confidence and the expected error of a lead."""
    return {
        "samples": lead.mv.size,
        "rate_hz": lead.rate_hz,
        "start_s": round_finite(lead.start_s, 6),
        "end_s": round_finite(lead.end_s, 6),
        "duration_s": round_finite(lead.duration_s, 6),
        "confidence": round_finite(lead.confidence, 4),
        "expected_error_mv": round_finite(lead.expected_error_mv, 5),
    }


def layout_metadata(page: Digitized) -> dict[str, object]:
    """Return the name of the layout, the paper speed and the gain."""
    layout = page.layout
    return {"name": layout.name, "speed_mm_s": layout.speed_mm_s, "gain_mm_mv": layout.gain_mm_mv}


def doubts_metadata(page: Digitized) -> list[dict[str, str]]:
    """Return the id and the message of each doubt."""
    return [{"id": doubt.id, "message": doubt.message} for doubt in page.doubts]


def quality_metadata(page: Digitized) -> dict[str, float | None]:
    """Return the mesh residual in pixels, the mean confidence of the leads, and residuals in millivolts.

    There is one residual for each lead relation: its median magnitude. There is another for each lead that is
    printed twice: the median absolute difference between both segments, apart from a constant offset.
    """
    confidences = [lead.confidence for lead in page.leads.values()]
    residual_px = page.residual_px
    quality = {"residual_px": None if residual_px is None else round_finite(residual_px, 3)}
    if confidences:
        quality["confidence"] = round_finite(sum(confidences) / len(confidences), 4)
    for relation, residual in residuals(page.leads).items():
        quality[f"{relation}_mv"] = round_finite(residual.median_mv, 4)
    for name, difference in page.repeat_difference_mv.items():
        quality[f"{name}-{name}_mv"] = round_finite(difference, 4)
    return quality


def step_seconds(page: Digitized) -> dict[str, float]:
    """Return the processing time of each step in seconds."""
    return {step: round(seconds, 4) for step, seconds in page.seconds.items()}


def page_comments(page: Digitized, page_id: str = "") -> list[str]:
    """Return the properties of the page as lines of text.

    They are the id, the source, the status, the source of the signals, the provenance, the layout and the
    notes. The doubts are in `doubt_comments`.
    """
    layout, provenance = page.layout, page.provenance
    provenance_lines = (
        [f"software: {provenance.software}", f"models: {provenance.models}", f"device: {provenance.device}"]
        if provenance
        else []
    )
    return [
        f"page id: {escape_control_chars(page_id or page.source.id)}",
        f"source: {escape_control_chars(str(page.source.path))}, page {page.source.page + 1}",
        f"status: {page.status}",
        f"signal source: {page.signal_source}",
        *provenance_lines,
        f"layout: {layout.name}, {layout.speed_mm_s:g} mm/s, {layout.gain_mm_mv:g} mm/mV",
        *(f"note: {note}" for note in page.notes),
    ]


def doubt_comments(page: Digitized) -> list[str]:
    """Return one line of text per doubt: its message and its id."""
    return [f"doubt: {doubt}" for doubt in page.doubts]


def lead_comment(lead: Lead) -> str:
    """Return the times, the confidence and the expected error of a lead as a line of text."""
    error = lead.expected_error_mv
    expected = f", expected error {error:.3f} mV" if math.isfinite(error) else ""
    times = f"printed from {lead.start_s:.4f} s to {lead.end_s:.4f} s"
    return f"lead {lead.name}: {times}, confidence {lead.confidence:.2f}{expected}"


def round_finite(value: float, decimals: int) -> float | None:
    """Return the rounded value. A value that is not finite becomes None, because JSON has no NaN."""
    return round(float(value), decimals) + 0.0 if math.isfinite(value) else None  # + 0.0 turns −0.0 into 0.0


def escape_surrogates(text: str) -> str:
    """Return text that UTF-8 can encode. Surrogates (invalid bytes of a file name) are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
