"""Format `wfdb`: the files NAME.hea and NAME.dat of one record per page, for the tools of PhysioNet.

A record contains all digitized leads at 500 Hz in format 16, with one ADC count per microvolt. Samples
outside the printed part of a lead are invalid samples, which the `wfdb` package reads as NaN. The comments of
the header contain the metadata: `page_comments`, `doubt_comments`, and one `lead_comment` per lead.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.durable_files import make_folder, replace_file
from ecgdigit_rt.formats.metadata import UNIT, doubt_comments, lead_comment, page_comments
from ecgdigit_rt.formats.page_folder import PageFolder, file_stem
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.signal_table import COUNTS_PER_MV, int16_from_mv, lead_names, signal_table
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import RATE_HZ, Digitized

if TYPE_CHECKING:
    from types import ModuleType

_NOT_IN_RECORD_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_MAX_RECORD_NAME_BYTES = 50  # maximum length of a record name, WFDB_MAXRNL of the WFDB library


def open_writer(destination: OutputDestination) -> PageFolder:
    """Return the page writer of this format. Raises DependencyMissing if wfdb is not installed."""
    _import_wfdb()
    return PageFolder(destination.path, _write_page, (".hea", ".dat"), record_name)


def wfdb_from_page(page: Digitized, path: Path, page_id: str = "") -> Path:
    """Write one record and return the path of its header.

    `path` is the path of the record, with or without `.hea`. A WFDB record name consists of letters, digits,
    `_` and `-`, at most 50 in total. A name that breaks this rule is changed. Raises ValueError if the page
    has no leads, DependencyMissing or OutputNotWritable.
    """
    if not lead_names(page):
        raise ValueError(f"{page_id or page.source.id} has no leads to write")
    name = record_name(path.name.removesuffix(".hea"))
    header = path.with_name(f"{name}.hea")
    with reraise_as_output_error(header):
        make_folder(path.parent)
        # The header contains the name of the signal file, so both files are written under their final names,
        # into a temporary folder.
        with TemporaryDirectory(prefix=f".{name}.", suffix=".part", dir=path.parent) as temporary:
            _write_record(page, name, Path(temporary), page_id)
            for suffix in (".dat", ".hea"):  # the header comes last: a record exists if its header exists
                replace_file(Path(temporary) / f"{name}{suffix}", path.with_name(f"{name}{suffix}"))
    return header


def record_name(page_id: str) -> str:
    """Return a valid WFDB record name for a page id."""
    return file_stem(page_id, _NOT_IN_RECORD_NAMES, _MAX_RECORD_NAME_BYTES)


def _write_page(folder: Path, page_id: str, page: Digitized) -> None:
    wfdb_from_page(page, folder / record_name(page_id), page_id)


def _write_record(page: Digitized, name: str, folder: Path, page_id: str) -> None:
    leads = lead_names(page)
    lead_comments = (lead_comment(page.leads[lead]) for lead in leads)
    comments = [*page_comments(page, page_id), *doubt_comments(page), *lead_comments]
    _import_wfdb().wrsamp(
        name,
        fs=RATE_HZ,
        units=[UNIT] * len(leads),
        sig_name=leads,
        d_signal=int16_from_mv(signal_table(page)),
        fmt=["16"] * len(leads),
        adc_gain=[float(COUNTS_PER_MV)] * len(leads),
        baseline=[0] * len(leads),
        comments=[_ascii_text(comment) for comment in comments],
        write_dir=str(folder),
    )


def _ascii_text(line: str) -> str:
    """Return the line in ASCII. Other characters are escaped, because `wfdb` ignores them in a header."""
    return line.replace("→", "->").encode("ascii", "backslashreplace").decode().replace("\n", "\\n")


def _import_wfdb() -> ModuleType:
    with missing_dependency_as_error("--format wfdb", "wfdb", "wfdb"):
        import wfdb
    module: ModuleType = wfdb
    return module
