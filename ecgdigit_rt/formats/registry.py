"""Table of the output formats.

A new format is one module in this package with a function `open_writer(destination: OutputDestination) ->
PageWriter`, and one line in `FORMATS`. The command-line help imports this table. To keep this import fast,
the module of a format is imported only when its writer is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ecgdigit_rt.atomic_files import is_stream
from ecgdigit_rt.errors import FormatConflict, FormatNotSpecified, UnknownChoice
from ecgdigit_rt.formats.writer import PageWriter

if TYPE_CHECKING:
    from ecgdigit_rt.formats.test_csv import LeadRequest

STDOUT = "-"

REPORT = "report.json"
"""File name of the report of a run in an output folder. The files of a page never have this name."""


@dataclass(frozen=True, slots=True)
class OutputDestination:
    """Destination of the output of a run.

    If `stream` is not None, the output is written to `stream` instead of `path`. `requests` are the requests
    of test.csv by image id, or None without a test.csv.
    """

    path: Path
    stream: TextIO | None = None
    requests: Mapping[str, Sequence[LeadRequest]] | None = None


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """One output format.

    `module` is the name of the module in this package that defines `open_writer`. `suffixes` are the suffixes
    of the output file, or of the signal files in the output folder if `is_folder`. Error messages suggest the
    first suffix. `to_stream` is true for formats that can be written to standard output and pipes.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    is_folder: bool = True
    to_stream: bool = False

    def open_writer(self, destination: OutputDestination) -> PageWriter:
        """Return a page writer. Raises DependencyMissing if the optional package of the format is missing."""
        module = import_module(f"{__package__}.{self.module}")
        writer: PageWriter = module.open_writer(destination)
        return writer

    def report_path(self, out: Path) -> Path:
        """Return the path of the report of a run: inside an output folder, or next to an output file."""
        return out / REPORT if self.is_folder else out.with_name(f"{out.stem}.report.json")


FORMATS = {
    entry.name: entry
    for entry in (
        OutputFormat("submission", "submission_csv", (".csv",), is_folder=False, to_stream=True),
        OutputFormat("csv", "csv_folder", (".csv",)),
        OutputFormat("parquet", "parquet_file", (".parquet", ".pq"), is_folder=False),
        OutputFormat("wfdb", "wfdb_folder", (".hea", ".dat")),
        OutputFormat("dicom", "dicom_folder", (".dcm",)),
        OutputFormat("npz", "npz_folder", (".npz",)),
        OutputFormat("json", "json_lines", (".jsonl", ".ndjson", ".json"), is_folder=False, to_stream=True),
    )
}


_DEFAULT = "submission"
"""Default format of streams, and of runs with a test.csv if the output path has no known suffix.

No other format supports test.csv.
"""


def select_format(name: str | None, out: Path, *, has_requests: bool) -> OutputFormat:
    """Return the named format, or the one implied by test.csv, `-` or the suffix of `out`.

    Raises UnknownChoice if no format has this name, FormatNotSpecified if nothing implies a format, or
    FormatConflict if the name, `out` and test.csv contradict each other.
    """
    if name is not None and name not in FORMATS:
        raise UnknownChoice("format", name, tuple(FORMATS))
    selected = FORMATS[name] if name is not None else _implied_format(out, has_requests=has_requests)
    if has_requests and selected.name != _DEFAULT:
        hint = "Omit --test, or use the submission format and an output file with the suffix .csv."
        raise FormatConflict(selected.name, "--test requires the submission format", hint)
    if _is_stream(out):
        if not selected.to_stream:
            streams = " and ".join(other.name for other in FORMATS.values() if other.to_stream)
            hint = f"Set --out to a file or folder. Only {streams} can be streamed."
            raise FormatConflict(selected.name, "it cannot be written to standard output or a pipe", hint)
        return selected
    if selected.is_folder and _formats_with_suffix(out):
        problem = f"it writes a folder of files, but {out.name} is a file name"
        hint = f"Set --out to a folder: --format {selected.name} --out {out.with_suffix('')}"
        raise FormatConflict(selected.name, problem, hint)
    file_formats = [other.name for other in _formats_with_suffix(out) if not other.is_folder]
    if file_formats and selected.name not in file_formats:
        problem = f"{out.name} has the suffix of {file_formats[0]} files"
        hint = f"Use the suffix {selected.suffixes[0]} or another format."
        raise FormatConflict(selected.name, problem, hint)
    return selected


def _implied_format(out: Path, *, has_requests: bool) -> OutputFormat:
    by_suffix = _formats_with_suffix(out)
    if _is_stream(out) or (has_requests and not by_suffix):
        return FORMATS[_DEFAULT]
    if not by_suffix:
        folders = ", ".join(entry.name for entry in FORMATS.values() if entry.is_folder)
        files = ", ".join(entry.suffixes[0] for entry in FORMATS.values() if not entry.is_folder)
        raise FormatNotSpecified(out, folders, files)
    return next((entry for entry in by_suffix if not entry.is_folder), by_suffix[0])


def _formats_with_suffix(out: Path) -> list[OutputFormat]:
    """Return the formats that use the suffix of `out`. The list is empty if `out` is an existing folder."""
    if out.is_dir():
        return []
    return [entry for entry in FORMATS.values() if out.suffix.lower() in entry.suffixes]


def _is_stream(out: Path) -> bool:
    return str(out) == STDOUT or is_stream(out)
