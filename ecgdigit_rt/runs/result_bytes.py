"""A page's result as bytes and back, without loss and without pickle: an npz of signals and one JSON text.

What is left out is where a page was read from, which its reader says anew, and `curve_px`, which only
pictures need and which is three times as large as all the rest.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import Digitized, Failed, Layout, Lead, PageRef, Provenance, Result, Row, Segment

_NO_CURVE = np.zeros((0, 2), np.float32)
_NUMBERS = ("rate_hz", "start_s", "confidence", "expected_error_mv")


def bytes_from_result(result: Result) -> bytes:
    """What `result_from_bytes` reads."""
    facts, signals = _parts(result)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, facts=np.array(json.dumps(facts)), **signals)
    return stream.getvalue()


def result_from_bytes(data: bytes, source: PageRef) -> Result:
    """The result of `source`. Its leads have no `curve_px`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        facts = json.loads(str(found["facts"]))
        if "failed" in facts:
            return Failed(source, **facts["failed"])
        leads = {name: _lead(name, numbers, found[name]) for name, numbers in facts["leads"].items()}
    provenance = None if facts["provenance"] is None else Provenance(**facts["provenance"])
    return Digitized(
        source,
        leads,
        _layout(facts["layout"]),
        facts["residual_px"],
        facts["seconds"],
        facts["repeats_mv"],
        provenance,
        tuple(facts["notes"]),
    )


def _parts(result: Result) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """What JSON can hold, and the signals by lead. NaN is one of JSON's numbers here."""
    if isinstance(result, Failed):
        why = {"error_id": result.error_id, "message": result.message, "hint": result.hint}
        return {"failed": why}, {}
    numbers = {
        name: {number: _plain(getattr(lead, number)) for number in _NUMBERS}
        for name, lead in result.leads.items()
    }
    facts = {
        "leads": numbers,
        "layout": asdict(result.layout),
        "residual_px": _plain(result.residual_px),
        "seconds": dict(result.seconds),
        "repeats_mv": {name: _plain(mv) for name, mv in result.repeat_difference_mv.items()},
        "provenance": None if result.provenance is None else asdict(result.provenance),
        "notes": list(result.notes),
    }
    return facts, {name: lead.mv for name, lead in result.leads.items()}


def _plain(number: float | None) -> float | None:
    """The number as Python's own; JSON writes it so that it comes back the same."""
    return number.item() if isinstance(number, np.generic) else number


def _lead(name: str, numbers: dict[str, float], mv: NDArray[np.float32]) -> Lead:
    return Lead(name, mv, curve_px=_NO_CURVE, **numbers)


def _layout(facts: dict[str, Any]) -> Layout:
    rows = tuple(
        Row(row["baseline_mm"], tuple(Segment(**segment) for segment in row["segments"]))
        for row in facts["rows"]
    )
    return Layout(facts["name"], rows, facts["speed_mm_s"], facts["gain_mm_mv"])
