"""A run's output on a cluster: a folder of Parquet files, each with some pages, and how they were read.

A part is called after its pages, and appears whole: work that is done twice, since a machine was lost or a
run begun again meanwhile, leaves one file.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.cluster.address import file_system, telling_of_storage
from ecgdigit_rt.errors import JournalMalformed, LeadsMissing, StorageUnusable
from ecgdigit_rt.formats.metadata import printable
from ecgdigit_rt.formats.parquet_file import STRINGS, rows_of_page, signals_schema
from ecgdigit_rt.results import Result
from ecgdigit_rt.runs.report import PageReport

_READ_LIKE = "_run.json"
"""Readers of Parquet folders pass over what begins with an underscore."""
_KNOWN = ["page_id", "source", "page", "status", "error_id", "message", "expected_db"]


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """One page of a run. source: its file's path or address. number: of the page in it, from 0."""

    name: str
    source: str
    number: int

    @property
    def key(self) -> tuple[str, int]:
        """How the Parquet tells of it."""
        return printable(self.source), self.number + 1


@dataclass(frozen=True, slots=True)
class Parts:
    """The folder at a path or an address."""

    folder: str

    def configuration(self) -> Mapping[str, str] | None:
        """How the pages that are there were read; None where none are. Raises JournalMalformed."""
        files, root = file_system(self.folder)
        try:
            told = json.loads(files.cat_file(f"{root}/{_READ_LIKE}"))
            return dict(told["read_like"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise JournalMalformed(Path(self.folder, _READ_LIKE)) from error

    def begin(self, configuration: Mapping[str, str]) -> None:
        """Raises OutputNotWritable and StorageUnusable."""
        self._write(_READ_LIKE, json.dumps({"read_like": dict(configuration)}, indent=1).encode())

    def forget(self) -> None:
        """Remove every part, and how they were read. Raises StorageUnusable."""
        files, root = file_system(self.folder)
        with telling_of_storage(self.folder):
            for path in [*self._paths(), f"{root}/{_READ_LIKE}"]:
                if files.exists(path):
                    files.rm_file(path)

    def known(self) -> dict[tuple[str, int], PageReport]:
        """The pages of all parts, by `ClusterPage.key`. Raises StorageUnusable."""
        import pyarrow as pa
        from pyarrow import parquet

        files, _ = file_system(self.folder)
        found: dict[tuple[str, int], PageReport] = {}
        for path in self._paths():
            try:
                with files.open(path) as stream:
                    table = parquet.read_table(stream, columns=_KNOWN)
            except (OSError, pa.ArrowInvalid) as error:
                raise StorageUnusable(path, f"it is no part of a run ({error})") from error
            for row in table.to_pylist():
                found[row["source"], row["page"]] = _report(row)
        return found

    def write(self, pages: Sequence[tuple[ClusterPage, Result]]) -> None:
        """Write one part. Raises OutputNotWritable and StorageUnusable."""
        import pyarrow as pa
        from pyarrow import parquet

        rows = [
            {**row, "source": printable(page.source)}  # a path would fold the slashes of an address
            for page, result in pages
            for row in rows_of_page(page.name, result)
        ]
        stream = io.BytesIO()
        table = pa.Table.from_pylist(rows, schema=signals_schema())
        parquet.write_table(table, stream, compression="zstd", use_dictionary=list(STRINGS))
        self._write(part_name([page for page, _ in pages]), stream.getvalue())

    def _paths(self) -> list[str]:
        files, root = file_system(self.folder)
        with telling_of_storage(self.folder):
            files.invalidate_cache()
            return sorted(files.glob(f"{root}/part-*.parquet")) if files.exists(root) else []

    def _write(self, name: str, data: bytes) -> None:
        files, root = file_system(self.folder)
        if "file" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,)):
            path = Path(root, name)
            with atomic_file(path) as partial, reraise_as_output_error(path):
                partial.write_bytes(data)
            return
        with telling_of_storage(self.folder):
            files.makedirs(root, exist_ok=True)
            files.pipe_file(f"{root}/{name}", data)  # an object store shows a file when it is whole


def chunks(pages: Sequence[ClusterPage], size: int) -> Iterator[Sequence[ClusterPage]]:
    """As many parts as it takes, in order."""
    for start in range(0, len(pages), size):
        yield pages[start : start + size]


def part_name(pages: Sequence[ClusterPage]) -> str:
    """The same for the same pages in the same order, and for no others."""
    told = json.dumps([[page.name, page.source, page.number] for page in pages])
    return f"part-{hashlib.sha256(told.encode()).hexdigest()[:20]}.parquet"


def _report(row: Mapping[str, Any]) -> PageReport:
    error_id, message = row["error_id"] or "", row["message"] or ""
    if row["status"] == "partial":
        error_id, message = LeadsMissing.id, "leads not found"
    return PageReport(
        row["page_id"], row["source"], row["status"], error_id, message, expected_db=row["expected_db"]
    )
