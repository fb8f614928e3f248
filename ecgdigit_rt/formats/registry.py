"""The table of formats. A new one is a module beside this one, an opener and a line here.

Nothing of a format loads before it is opened: the command line's help reads this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ecgdigit_rt.formats.writer import OutputDestination, PageWriter

Opener = Callable[[OutputDestination], PageWriter]
"""Raises DependencyMissing where the format's package is not installed."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """suffixes: how its file ends, or each file in its folder. to_stream: it may go to standard output."""

    name: str
    opener: Opener
    suffixes: tuple[str, ...]
    is_folder: bool = True
    to_stream: bool = False


def _submission(to: OutputDestination) -> PageWriter:
    from ecgdigit_rt.formats.submission_file import SubmissionFile

    return SubmissionFile(to)


def _csv(to: OutputDestination) -> PageWriter:
    from ecgdigit_rt.formats.csv_folder import csv_folder

    return csv_folder(to)


def _parquet(to: OutputDestination) -> PageWriter:
    from ecgdigit_rt.formats.parquet_file import ParquetFile

    return ParquetFile(to)


def _wfdb(to: OutputDestination) -> PageWriter:
    from ecgdigit_rt.formats.wfdb_folder import wfdb_folder

    return wfdb_folder(to)


def _dicom(to: OutputDestination) -> PageWriter:
    from ecgdigit_rt.formats.dicom_folder import dicom_folder

    return dicom_folder(to)


def _npz(to: OutputDestination) -> PageWriter:
    from ecgdigit_rt.formats.npz_folder import npz_folder

    return npz_folder(to)


def _json(to: OutputDestination) -> PageWriter:
    from ecgdigit_rt.formats.json_lines import JsonLines

    return JsonLines(to)


FORMATS = {
    form.name: form
    for form in (
        OutputFormat("submission", _submission, (".csv",), is_folder=False, to_stream=True),
        OutputFormat("csv", _csv, (".csv",)),
        OutputFormat("parquet", _parquet, (".parquet", ".pq"), is_folder=False),
        OutputFormat("wfdb", _wfdb, (".hea", ".dat")),
        OutputFormat("dicom", _dicom, (".dcm",)),
        OutputFormat("npz", _npz, (".npz",)),
        OutputFormat("json", _json, (".jsonl", ".ndjson", ".json"), is_folder=False, to_stream=True),
    )
}
