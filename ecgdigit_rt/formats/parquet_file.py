"""Format `parquet`: one file with a row per page and lead, for pandas, polars and DuckDB.

`mv` is a list of float32 in millivolts. It contains only the printed samples, from `start_s` on. A failed
page is one row with `error_id` and `message` but without a lead. Queries such as `WHERE lead = 'II'`
therefore skip failed pages. `doubts` and `missing` are lists: the doubts of the page, and the leads of its
layout that were not digitized.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ecgdigit_rt import __version__
from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.formats.metadata import UNIT, doubts_metadata, missing_leads, round_finite, source_metadata
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import Digitized, Failed, Lead, Result

if TYPE_CHECKING:
    import pyarrow as pa

PAGES_PER_ROW_GROUP = 128
"""Number of pages per row group. They are buffered in memory until the group is written: about 10 MB.

Hand-picked, not tuned.
"""

DICTIONARY_COLUMNS = (
    "page_id", "source", "lead", "unit", "layout", "status", "notes", "software", "models",
    "device", "error_id", "message",
)  # fmt: skip
"""Columns with repeated values. With a dictionary, Parquet stores each distinct value once per row group."""


def open_writer(destination: OutputDestination) -> ParquetPageWriter:
    """Return the page writer of this format. Raises DependencyMissing if pyarrow is not installed."""
    return ParquetPageWriter(destination)


class ParquetPageWriter:
    """Page writer of one Parquet file. The file appears under its final name when the writer is closed."""

    def __init__(self, destination: OutputDestination) -> None:
        with missing_dependency_as_error("--format parquet", "pyarrow", "parquet"):
            import pyarrow as pa
            from pyarrow import parquet
        self._path = destination.path
        self._arrow, self._parquet = pa, parquet
        self._schema = signals_schema()
        self._resources = ExitStack()
        self._rows: list[dict[str, object]] = []
        self._pages = 0

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            partial = opened.enter_context(atomic_file(self._path))
            with reraise_as_output_error(self._path):
                self._table = self._parquet.ParquetWriter(
                    partial, self._schema, compression="zstd", use_dictionary=list(DICTIONARY_COLUMNS)
                )
            opened.push(self._finish)
            self._resources = opened.pop_all()
        return self

    def write(self, page_id: str, result: Result) -> None:
        """Add the rows of one page. Raises OutputNotWritable."""
        self._rows += rows_from_page(page_id, result)
        self._pages += 1
        if self._pages == PAGES_PER_ROW_GROUP:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.__exit__(kind, error, trace)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the last row group and close the file. After an error, only close the file."""
        try:
            if kind is None:
                self._flush()
        finally:
            with reraise_as_output_error(self._path):
                self._table.close()

    def _flush(self) -> None:
        if self._rows:
            with reraise_as_output_error(self._path):
                self._table.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._pages = [], 0


def signals_schema() -> pa.Schema:
    """Return the Arrow schema of a table with one row per page and lead."""
    import pyarrow as pa

    real, text = pa.float64(), pa.string()
    columns = {
        "page_id": text,
        "source": text,
        "page": pa.int32(),
        "lead": text,
        "rate_hz": real,
        "start_s": real,
        "end_s": real,
        "unit": text,
        "confidence": real,
        "expected_error_mv": real,
        "mv": pa.list_(pa.float32()),
        "layout": text,
        "speed_mm_s": real,
        "gain_mm_mv": real,
        "status": text,
        "signal_source": text,
        "doubts": pa.list_(pa.struct({"id": text, "message": text})),
        "missing": pa.list_(text),
        "expected_db": real,
        "notes": text,
        "software": text,
        "models": text,
        "device": text,
        "error_id": text,
        "message": text,
    }
    return pa.schema(columns, metadata={"writer": f"ecgdigit-rt {__version__}"})


def rows_from_page(page_id: str, result: Result) -> list[dict[str, object]]:
    """Return one row per lead, or one row for a failed page.

    Absent keys become null in the table. A digitized page without leads has no rows.
    """
    source = source_metadata(result, page_id)
    origin = {"page_id": source["id"], "source": source["source"], "page": source["page"]}
    if isinstance(result, Failed):
        return [{**origin, "status": result.status, "error_id": result.error_id, "message": result.message}]
    page_columns = {**origin, **_page_columns(result)}
    return [{**page_columns, **_lead_columns(result.leads[name])} for name in lead_names(result)]


def _page_columns(page: Digitized) -> dict[str, object]:
    layout, provenance = page.layout, page.provenance
    return {
        "layout": layout.name,
        "speed_mm_s": layout.speed_mm_s,
        "gain_mm_mv": layout.gain_mm_mv,
        "status": page.status,
        "signal_source": page.signal_source,
        "doubts": doubts_metadata(page),
        "missing": missing_leads(page),
        "expected_db": round_finite(page.expected_db, 3),
        "notes": "; ".join(page.notes) or None,
        "software": provenance.software if provenance else None,
        "models": provenance.models if provenance else None,
        "device": provenance.device if provenance else None,
    }


def _lead_columns(lead: Lead) -> dict[str, object]:
    return {
        "lead": lead.name,
        "rate_hz": lead.rate_hz,
        "start_s": lead.start_s,
        "end_s": lead.end_s,
        "unit": UNIT,
        "confidence": lead.confidence,
        "expected_error_mv": round_finite(lead.expected_error_mv, 6),
        "mv": lead.mv,
    }
