"""What is known of a page beside its signals: values that JSON can hold, and lines to read.

Every format carries them, each in its own way; the report is made of them too.
"""

from __future__ import annotations

import math

from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import LEADS, Digitized, Failed, Lead
from ecgdigit_rt.sanitize import escape_control_chars
from ecgdigit_rt.tracing.lead_relations import residuals

SCHEMA_VERSION = 2
UNIT = "mV"


def missing_leads(page: Digitized) -> list[str]:
    """Leads that the page's layout has and that were not found, in the standard order."""
    on_page = {segment.lead for row in page.layout.rows for segment in row.segments}
    found = lead_names(page)
    return [name for name in LEADS if name in on_page and name not in found]


def page_facts(page: Digitized, page_id: str = "") -> dict[str, object]:
    """A page that was read. `formats/page.schema.json` explains every key; null is what nobody knows.

    Nothing here differs from one run to the next; how long a page took stands in the report alone.
    """
    provenance = page.provenance
    return {
        **origin_facts(page, page_id),
        "status": "partial" if missing_leads(page) else "digitized",
        "software": provenance.software if provenance else None,
        "models": provenance.models if provenance else None,
        "device": provenance.device if provenance else None,
        "unit": UNIT,
        "duration_s": rounded(page.duration_s, 6),
        "layout": layout_facts(page),
        "leads": {name: lead_facts(page.leads[name]) for name in lead_names(page)},
        "missing": missing_leads(page),
        "expected_db": rounded(page.expected_db, 2),
        "quality": quality_facts(page),
        "notes": list(page.notes),
    }


def failed_facts(page: Failed, page_id: str = "") -> dict[str, object]:
    """A page that could not be read, and why."""
    why = {"error_id": page.error_id, "message": page.message, "hint": page.hint}
    return {**origin_facts(page, page_id), "status": "failed", **why}


def lead_facts(lead: Lead) -> dict[str, float | None]:
    return {
        "samples": lead.mv.size,
        "rate_hz": lead.rate_hz,
        "start_s": rounded(lead.start_s, 6),
        "end_s": rounded(lead.end_s, 6),
        "duration_s": rounded(lead.duration_s, 6),
        "confidence": rounded(lead.confidence, 4),
        "expected_error_mv": rounded(lead.expected_error_mv, 5),
    }


def layout_facts(page: Digitized) -> dict[str, object]:
    layout = page.layout
    return {"name": layout.name, "speed_mm_s": layout.speed_mm_s, "gain_mm_mv": layout.gain_mm_mv}


def quality_facts(page: Digitized) -> dict[str, float | None]:
    """How well the mesh fits, how clearly traces were seen, how far leads and repeats disagree."""
    confidences = [lead.confidence for lead in page.leads.values()]
    residual = page.residual_px
    quality = {"residual_px": None if residual is None else rounded(residual, 3)}
    if confidences:
        quality["confidence"] = rounded(sum(confidences) / len(confidences), 4)
    for relation, found in residuals(page.leads).items():
        quality[f"{relation}_mv"] = rounded(found.median_mv, 4)
    for name, difference in page.repeat_difference_mv.items():
        quality[f"{name}-{name}_mv"] = rounded(difference, 4)
    return quality


def seconds_facts(page: Digitized) -> dict[str, float]:
    return {stage: round(seconds, 4) for stage, seconds in page.seconds.items()}


def page_lines(page: Digitized, page_id: str = "") -> list[str]:
    """The page's facts as text, for formats that have comments; `lead_line` tells of the leads."""
    layout, provenance = page.layout, page.provenance
    made = (
        [f"software: {provenance.software}", f"models: {provenance.models}", f"device: {provenance.device}"]
        if provenance
        else []
    )
    return [
        f"page id: {escape_control_chars(page_id or page.source.id)}",
        f"source: {escape_control_chars(str(page.source.path))}, page {page.source.page + 1}",
        *made,
        f"layout: {layout.name}, {layout.speed_mm_s:g} mm/s, {layout.gain_mm_mv:g} mm/mV",
        *(f"note: {note}" for note in page.notes),
    ]


def lead_line(lead: Lead) -> str:
    error = lead.expected_error_mv
    expected = f", expected error {error:.3f} mV" if math.isfinite(error) else ""
    seen = f"confidence {lead.confidence:.2f}{expected}"
    return f"lead {lead.name}: printed from {lead.start_s:.4f} s to {lead.end_s:.4f} s, {seen}"


def rounded(value: float, digits: int) -> float | None:
    """None where the value is not finite: JSON has no NaN."""
    return round(float(value), digits) if math.isfinite(value) else None


def origin_facts(page: Digitized | Failed, page_id: str = "") -> dict[str, object]:
    """Which page it is. Bytes of a file's name that are no UTF-8 are spelled out."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": printable(page_id or page.source.id),
        "source": printable(str(page.source.path)),
        "page": page.source.page + 1,
    }


def printable(text: str) -> str:
    """The text with what is not UTF-8, as names of files may hold, written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
