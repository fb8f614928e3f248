"""Downloads of digitized pages: the formats of `run --format` except `submission`, and a printable PDF."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.formats.page_folder import file_stem
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import Digitized
from ecgdigit_rt.server.memfd import memory_folder

_ZIP = "application/zip"
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "wfdb": _ZIP,
    "parquet": "application/vnd.apache.parquet",
    "dicom": "application/dicom",
    "npz": "application/x-npz",
    "pdf": "application/pdf",
}
"""Media types by format name."""

_REQUIRED_MODULES = {"wfdb": "wfdb", "parquet": "pyarrow", "dicom": "pydicom", "pdf": "fpdf"}


@dataclass(frozen=True, slots=True)
class Download:
    """Downloadable file. `name` includes the suffix and is valid on every operating system."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


def format_availability() -> dict[str, bool]:
    """Return whether each format is available, by name.

    A format is available if it requires no optional package, or if this package is installed.
    """
    return {
        name: name not in _REQUIRED_MODULES or find_spec(_REQUIRED_MODULES[name]) is not None
        for name in MEDIA_TYPES
    }


def download_from_page(page: Digitized, format_name: str) -> Download:
    """Return the page in one of the formats of `MEDIA_TYPES`.

    Raises DependencyMissing if the package of the format is not installed.
    """
    stem = file_stem(page.source.id)
    if format_name == "json":
        return Download(f"{stem}.json", MEDIA_TYPES[format_name], json_from_page(page).encode())
    if format_name == "csv":
        return Download(f"{stem}.csv", MEDIA_TYPES[format_name], csv_from_page(page).encode())
    if format_name == "pdf":
        with missing_dependency_as_error("Writing a printable PDF", "fpdf2", "serve"):
            from ecgdigit_rt.server.paper_pdf import pdf_from_page
        return Download(f"{stem}.pdf", MEDIA_TYPES[format_name], pdf_from_page(page))
    return _download_by_writer(page, stem, format_name)


def json_from_page(page: Digitized) -> str:
    """Return the object that `run --format json` writes, as one line of JSON."""
    text = io.StringIO()
    with FORMATS["json"].open_writer(OutputDestination(Path("-"), text)) as writer:
        writer.write(page.source.id, page)
    return text.getvalue().rstrip("\n")


def _download_by_writer(page: Digitized, stem: str, format_name: str) -> Download:
    """Return the file that the writer of the format creates. For WFDB, return its files as a zip archive."""
    output_format = FORMATS[format_name]
    with memory_folder() as folder:
        out = folder / "out"
        target = out if output_format.is_folder else out / f"{stem}{output_format.suffixes[0]}"
        with output_format.open_writer(OutputDestination(target)) as writer:
            writer.write(page.source.id, page)
        files = sorted(out.iterdir())
        if MEDIA_TYPES[format_name] != _ZIP:
            return Download(files[0].name, MEDIA_TYPES[format_name], files[0].read_bytes())
        archive_bytes = io.BytesIO()
        with zipfile.ZipFile(archive_bytes, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.name)
    return Download(f"{stem}.zip", _ZIP, archive_bytes.getvalue())
