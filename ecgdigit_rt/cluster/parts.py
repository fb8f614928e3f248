"""Output of a run on a cluster: a folder with the configuration of the run and Parquet files.

Each Parquet file, called a part, contains several pages. It is written atomically, under a name that depends
only on its pages. If the same part is digitized twice, for example because a machine failed, the second file
replaces the first.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgdigit_engine.untrusted_json import json_from_untrusted
from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.cluster.address import file_system, reraise_as_storage_error
from ecgdigit_rt.errors import JournalMalformed, LeadsMissing, StorageUnusable
from ecgdigit_rt.formats.metadata import escape_surrogates
from ecgdigit_rt.formats.parquet_file import DICTIONARY_COLUMNS, rows_from_page, signals_schema
from ecgdigit_rt.results import Result
from ecgdigit_rt.runs.report import PageReport

_CONFIGURATION_FILE = "_run.json"
"""Name of the configuration file. Readers of Parquet folders ignore names that start with an underscore."""
_REPORT_COLUMNS = [
    "page_id", "source", "page", "status", "doubts", "missing", "error_id", "message", "expected_db",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """One page of a run: its id, the path or URL of its file, and its index in the file, from 0."""

    name: str
    source: str
    number: int

    @property
    def key(self) -> tuple[str, int]:
        """Values of the Parquet columns `source` and `page`. Page numbers start from 1 there."""
        return escape_surrogates(self.source), self.number + 1


@dataclass(frozen=True, slots=True)
class PartFolder:
    """Folder of parts at a path or URL."""

    folder: str

    def configuration(self) -> Mapping[str, str] | None:
        """Return the configuration of the run that wrote the folder, or None for a new folder.

        Raises JournalMalformed, DependencyMissing or StorageUnusable.
        """
        filesystem, root = file_system(self.folder)
        try:
            facts = json_from_untrusted(filesystem.cat_file(f"{root}/{_CONFIGURATION_FILE}"))
            return dict(facts["configuration"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise JournalMalformed(f"{self.folder}/{_CONFIGURATION_FILE}") from error

    def write_configuration(self, configuration: Mapping[str, str]) -> None:
        """Write the configuration. Raises OutputNotWritable or StorageUnusable."""
        text = json.dumps({"configuration": dict(configuration)}, indent=1)
        self._write(_CONFIGURATION_FILE, text.encode())

    def clear(self) -> None:
        """Delete all parts and the configuration. Raises StorageUnusable."""
        filesystem, root = file_system(self.folder)
        with reraise_as_storage_error(self.folder):
            for path in [*self._paths(), f"{root}/{_CONFIGURATION_FILE}"]:
                if filesystem.exists(path):
                    filesystem.rm_file(path)

    def reports(self) -> dict[tuple[str, int], PageReport]:
        """Return the reports of the pages in all parts, by `ClusterPage.key`. Raises StorageUnusable."""
        import pyarrow as pa
        from pyarrow import parquet

        filesystem, _ = file_system(self.folder)
        reports: dict[tuple[str, int], PageReport] = {}
        for path in self._paths():
            try:
                with filesystem.open(path) as stream:
                    table = parquet.read_table(stream, columns=_REPORT_COLUMNS)
            except (OSError, pa.ArrowInvalid) as error:
                raise StorageUnusable(path, f"the file is not a part of a run ({error})") from error
            for row in table.to_pylist():
                reports[row["source"], row["page"]] = _report(row)
        return reports

    def write(self, pages: Sequence[tuple[ClusterPage, Result]]) -> None:
        """Write one part. Raises OutputNotWritable or StorageUnusable."""
        import pyarrow as pa
        from pyarrow import parquet

        rows = [
            {**row, "source": escape_surrogates(page.source)}  # a Path merges slashes
            for page, result in pages
            for row in rows_from_page(page.name, result)
        ]
        stream = io.BytesIO()
        table = pa.Table.from_pylist(rows, schema=signals_schema())
        parquet.write_table(table, stream, compression="zstd", use_dictionary=list(DICTIONARY_COLUMNS))
        self._write(part_name([page for page, _ in pages]), stream.getvalue())

    def _paths(self) -> list[str]:
        """Return the paths of all parts, on the file system of the folder."""
        filesystem, root = file_system(self.folder)
        with reraise_as_storage_error(self.folder):
            filesystem.invalidate_cache()
            return sorted(filesystem.glob(f"{root}/part-*.parquet")) if filesystem.exists(root) else []

    def _write(self, name: str, data: bytes) -> None:
        """Write a file of the folder atomically. Raises OutputNotWritable or StorageUnusable."""
        filesystem, root = file_system(self.folder)
        if "file" in (
            filesystem.protocol if isinstance(filesystem.protocol, tuple) else (filesystem.protocol,)
        ):
            path = Path(root, name)
            with atomic_file(path) as partial, reraise_as_output_error(path):
                partial.write_bytes(data)
            return
        with reraise_as_storage_error(self.folder):
            filesystem.makedirs(root, exist_ok=True)
            filesystem.pipe_file(f"{root}/{name}", data)  # atomic: object stores show only complete files


def chunks(pages: Sequence[ClusterPage], size: int) -> Iterator[Sequence[ClusterPage]]:
    """Split the pages into parts of `size`, in order. The last part may be smaller."""
    for start in range(0, len(pages), size):
        yield pages[start : start + size]


def part_name(pages: Sequence[ClusterPage]) -> str:
    """Return a file name that is unique to these pages in this order."""
    text = json.dumps([[page.name, page.source, page.number] for page in pages])
    return f"part-{hashlib.sha256(text.encode()).hexdigest()[:20]}.parquet"


def _report(row: Mapping[str, Any]) -> PageReport:
    """Return the report of a page, without its leads, from any of the rows of the page."""
    error_id, message = row["error_id"] or "", row["message"] or ""
    missing = row["missing"] or ()
    if missing:
        error_id, message = LeadsMissing.id, LeadsMissing(missing, ()).message
    return PageReport(
        row["page_id"],
        row["source"],
        row["status"],
        error_id,
        message,
        missing=missing,
        expected_db=row["expected_db"],
        doubts=row["doubts"] or (),
    )
