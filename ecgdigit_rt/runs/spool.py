"""Spool of a run: a file next to the output that contains the result of each page as one record."""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.atomic_files import AppendOnlyFile
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.formats.metadata import doubts_metadata
from ecgdigit_rt.results import Digitized, Failed, Layout, Lead, PageRef, Provenance, Result, Row, Segment


@dataclass(frozen=True, slots=True)
class SpoolRecord:
    """Position of a record in the spool, in bytes, and the CRC-32 of its content."""

    start: int
    size: int
    checksum: int

    @property
    def end(self) -> int:
        """Offset of the first byte after the record."""
        return self.start + self.size


class Spool:
    """File of records. The journal stores the positions of the records.

    Only records that the journal lists are read. `size` is the offset of the end of the last listed record.
    The first append discards all bytes after this offset.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._file = AppendOnlyFile(path, size)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._file.path

    def append(self, data: bytes) -> SpoolRecord:
        """Write a record and return its position. Raises OutputNotWritable."""
        return SpoolRecord(self._file.append(data), len(data), zlib.crc32(data))

    def read(self, record: SpoolRecord) -> bytes | None:
        """Return the content of a record, or None if it is missing or damaged."""
        data = self._file.read(record.start, record.size)
        return data if len(data) == record.size and zlib.crc32(data) == record.checksum else None

    def remove(self) -> None:
        """Delete the file. Raises OutputNotWritable."""
        self._file.remove()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_NO_CURVE = np.zeros((0, 2), np.float32)
_LEAD_FIELDS = ("rate_hz", "start_s", "confidence", "expected_error_mv")


def bytes_from_result(result: Result) -> bytes:
    """Serialize a result, except its source and the `curve_px` of its leads. See `result_from_bytes`."""
    facts, signals = _fields_and_signals(result)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, facts=np.array(json.dumps(facts)), **signals)
    return stream.getvalue()


def result_from_bytes(data: bytes, source: PageRef) -> Result:
    """Deserialize the result of the page `source`. The `curve_px` of its leads is empty."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        facts = json.loads(str(archive["facts"]))
        if "failed" in facts:
            return Failed(source, **facts["failed"])
        leads = {name: _lead(name, numbers, archive[name]) for name, numbers in facts["leads"].items()}
    provenance = None if facts["provenance"] is None else Provenance(**facts["provenance"])
    return Digitized(
        source,
        leads,
        _layout(facts["layout"]),
        facts["residual_px"],
        facts["seconds"],
        facts["repeat_difference_mv"],
        provenance,
        tuple(facts["notes"]),
        tuple(Doubt(**doubt) for doubt in facts["doubts"]),
        facts["signal_source"],
    )


def _fields_and_signals(result: Result) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """Split a result into fields for `json.dumps`, whose numbers may be NaN, and the signals by lead."""
    if isinstance(result, Failed):
        error = {"error_id": result.error_id, "message": result.message, "hint": result.hint}
        return {"failed": error}, {}
    numbers = {
        name: {field: _plain(getattr(lead, field)) for field in _LEAD_FIELDS}
        for name, lead in result.leads.items()
    }
    facts = {
        "leads": numbers,
        "layout": asdict(result.layout),
        "residual_px": _plain(result.residual_px),
        "seconds": dict(result.seconds),
        "repeat_difference_mv": {name: _plain(mv) for name, mv in result.repeat_difference_mv.items()},
        "provenance": None if result.provenance is None else asdict(result.provenance),
        "notes": list(result.notes),
        "doubts": doubts_metadata(result),
        "signal_source": result.signal_source,
    }
    return facts, {name: lead.mv for name, lead in result.leads.items()}


def _plain(number: float | None) -> float | None:
    """Convert a NumPy scalar to a Python number, because JSON can store only those. Nothing is rounded."""
    return number.item() if isinstance(number, np.generic) else number


def _lead(name: str, numbers: dict[str, float], mv: NDArray[np.float32]) -> Lead:
    return Lead(name, mv, curve_px=_NO_CURVE, **numbers)


def _layout(facts: dict[str, Any]) -> Layout:
    rows = tuple(
        Row(row["baseline_mm"], tuple(Segment(**segment) for segment in row["segments"]))
        for row in facts["rows"]
    )
    return Layout(facts["name"], rows, facts["speed_mm_s"], facts["gain_mm_mv"])
