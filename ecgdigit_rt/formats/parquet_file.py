"""`parquet`: one file, a line per page and lead, for pandas, polars, DuckDB.

`mv` is a list of float32 in millivolt: what was printed and nothing else, from `start_s` on. A page that
failed is one line too, with `error_id` and `message` and without a lead: every page of a run stands in
the table, where any reader sees it, and `WHERE lead = 'II'` passes it over.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ecgdigit_rt import __version__
from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.formats.metadata import UNIT, missing_leads, origin_facts, rounded
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import Digitized, Failed, Lead, Result

if TYPE_CHECKING:
    import pyarrow as pa

PAGES_A_GROUP = 128
"""Pages that are held back for one row group: some 10 MB, and groups that are quick to read."""

STRINGS = (
    "page_id", "source", "lead", "unit", "layout", "status", "notes", "software", "models",
    "device", "error_id", "message",
)  # fmt: skip
"""Columns of few different words, which Parquet writes once a group."""


class ParquetFile:
    """A row group goes out when its pages are together; the file appears at the end."""

    def __init__(self, to: OutputDestination) -> None:
        with missing_dependency_as_error("--format parquet", "pyarrow", "parquet"):
            import pyarrow as pa
            from pyarrow import parquet
        self._path = to.path
        self._arrow, self._parquet = pa, parquet
        self._schema = signals_schema()
        self._open = ExitStack()
        self._rows: list[dict[str, object]] = []
        self._pages = 0

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            partial = opened.enter_context(atomic_file(self._path))
            with reraise_as_output_error(self._path):
                self._table = self._parquet.ParquetWriter(
                    partial, self._schema, compression="zstd", use_dictionary=list(STRINGS)
                )
            opened.push(self._finish)
            self._open = opened.pop_all()
        return self

    def write(self, page_id: str, result: Result) -> None:
        self._rows += rows_of_page(page_id, result)
        self._pages += 1
        if self._pages == PAGES_A_GROUP:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        """The last pages and the file's end; what is cut short is thrown away with the file."""
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
    """Of every table of signals that this package writes."""
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
        "expected_db": real,
        "notes": text,
        "software": text,
        "models": text,
        "device": text,
        "error_id": text,
        "message": text,
    }
    return pa.schema(columns, metadata={"writer": f"ecgdigit-rt {__version__}"})


def rows_of_page(page_id: str, result: Result) -> list[dict[str, object]]:
    """One line per lead, or one for a page that failed; what a line lacks is null."""
    which = origin_facts(result, page_id)
    origin = {"page_id": which["id"], "source": which["source"], "page": which["page"]}
    if isinstance(result, Failed):
        return [{**origin, "status": "failed", "error_id": result.error_id, "message": result.message}]
    of_page = {**origin, **_of_page(result)}
    return [{**of_page, **_of_lead(result.leads[name])} for name in lead_names(result)]


def _of_page(page: Digitized) -> dict[str, object]:
    layout, provenance = page.layout, page.provenance
    return {
        "layout": layout.name,
        "speed_mm_s": layout.speed_mm_s,
        "gain_mm_mv": layout.gain_mm_mv,
        "status": "partial" if missing_leads(page) else "digitized",
        "expected_db": rounded(page.expected_db, 3),
        "notes": "; ".join(page.notes) or None,
        "software": provenance.software if provenance else None,
        "models": provenance.models if provenance else None,
        "device": provenance.device if provenance else None,
    }


def _of_lead(lead: Lead) -> dict[str, object]:
    return {
        "lead": lead.name,
        "rate_hz": lead.rate_hz,
        "start_s": lead.start_s,
        "end_s": lead.end_s,
        "unit": UNIT,
        "confidence": lead.confidence,
        "expected_error_mv": rounded(lead.expected_error_mv, 6),
        "mv": lead.mv,
    }
