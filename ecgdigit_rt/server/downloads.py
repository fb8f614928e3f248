"""A digitized page as a file to send: what `run --format` writes, and a page to print."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.registry import FORMATS
from ecgdigit_rt.formats.writer import OutputDestination
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
"""By the names of formats."""

_PACKAGES = {"wfdb": "wfdb", "parquet": "pyarrow", "dicom": "pydicom"}


@dataclass(frozen=True, slots=True)
class Download:
    """name: with its suffix, safe on any system."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


def ready_formats() -> dict[str, bool]:
    """Every format, and whether its package is installed."""
    return {name: name not in _PACKAGES or find_spec(_PACKAGES[name]) is not None for name in MEDIA_TYPES}


def download_from_page(page: Digitized, form: str) -> Download:
    """The page in one of `MEDIA_TYPES`' formats. Raises DependencyMissing."""
    stem = file_stem(page.source.id)
    if form == "json":
        return Download(f"{stem}.json", MEDIA_TYPES[form], json_from_page(page).encode())
    if form == "csv":
        return Download(f"{stem}.csv", MEDIA_TYPES[form], csv_from_page(page).encode())
    if form == "pdf":
        from ecgdigit_rt.server.paper_pdf import pdf_from_page

        return Download(f"{stem}.pdf", MEDIA_TYPES[form], pdf_from_page(page))
    return _written(page, stem, form)


def json_from_page(page: Digitized) -> str:
    """One line, the very object that `run --format json` writes."""
    text = io.StringIO()
    with FORMATS["json"].opener(OutputDestination(Path("-"), text)) as writer:
        writer.write(page.source.id, page)
    return text.getvalue().rstrip("\n")


def _written(page: Digitized, stem: str, form: str) -> Download:
    """What a format's writer leaves: its file, or where they are several a zip of them."""
    wanted = FORMATS[form]
    with memory_folder() as folder:
        target = folder / "out" if wanted.is_folder else folder / "out" / f"{stem}{wanted.suffixes[0]}"
        with wanted.opener(OutputDestination(target)) as writer:
            writer.write(page.source.id, page)
        files = sorted((folder / "out").iterdir())
        if MEDIA_TYPES[form] != _ZIP:
            return Download(files[0].name, MEDIA_TYPES[form], files[0].read_bytes())
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.name)
    return Download(f"{stem}.zip", _ZIP, packed.getvalue())
