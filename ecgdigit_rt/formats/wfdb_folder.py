"""`wfdb`: NAME.hea and NAME.dat per page, as PhysioNet's tools read them.

Every lead that was found, at 500 Hz in format 16, one step a microvolt; what was not printed is the
format's invalid value, which readers give as NaN. The header's comments tell the rest.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.int16 import STEPS_PER_MV, int16_from_mv
from ecgdigit_rt.formats.metadata import UNIT, lead_line, page_lines
from ecgdigit_rt.formats.page_folder import PageFolder
from ecgdigit_rt.formats.signal_table import RATE_HZ, lead_names, signal_table
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import Digitized

if TYPE_CHECKING:
    from types import ModuleType

_NOT_IN_RECORD_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_RECORD_NAME = 50  # WFDB_MAXRNL of the WFDB library


def wfdb_folder(to: OutputDestination) -> PageFolder:
    """Raises DependencyMissing."""
    _wfdb()
    return PageFolder(to.path, _write_page, (".hea", ".dat"), record_name)


def wfdb_from_page(page: Digitized, path: Path, page_id: str = "") -> Path:
    """Write one record and give its header's path. path: the record, with or without `.hea`.

    A name that WFDB does not take (letters, digits, `_` and `-`, at most 50) is changed. A page without
    leads is a ValueError. Raises DependencyMissing and OutputNotWritable.
    """
    if not lead_names(page):
        raise ValueError(f"{page_id or page.source.id} has no lead to write")
    name = record_name(path.name.removesuffix(".hea"))
    header = path.with_name(f"{name}.hea")
    with reraise_as_output_error(header):
        path.parent.mkdir(parents=True, exist_ok=True)
        # The header names its signal file, so both are written under their own names, in a folder apart.
        with TemporaryDirectory(prefix=f".{name}.", suffix=".part", dir=path.parent) as apart:
            _write_record(page, name, Path(apart), page_id)
            for suffix in (".dat", ".hea"):  # the header last: it makes the record
                (Path(apart) / f"{name}{suffix}").replace(path.with_name(f"{name}{suffix}"))
    return header


def record_name(page_id: str) -> str:
    """The page's id as a record's name."""
    return file_stem(page_id, _NOT_IN_RECORD_NAMES, _LONGEST_RECORD_NAME)


def _write_page(folder: Path, page_id: str, page: Digitized) -> None:
    wfdb_from_page(page, folder / record_name(page_id), page_id)


def _write_record(page: Digitized, name: str, folder: Path, page_id: str) -> None:
    leads = lead_names(page)
    lines = [*page_lines(page, page_id), *(lead_line(page.leads[lead]) for lead in leads)]
    _wfdb().wrsamp(
        name,
        fs=RATE_HZ,
        units=[UNIT] * len(leads),
        sig_name=leads,
        d_signal=int16_from_mv(signal_table(page)),
        fmt=["16"] * len(leads),
        adc_gain=[float(STEPS_PER_MV)] * len(leads),
        baseline=[0] * len(leads),
        comments=[_ascii(line) for line in lines],
        write_dir=str(folder),
    )


def _ascii(line: str) -> str:
    """Readers drop what is not ASCII, so a path's other letters are spelled out."""
    return line.replace("→", "->").encode("ascii", "backslashreplace").decode().replace("\n", "\\n")


def _wfdb() -> ModuleType:
    with missing_dependency_as_error("--format wfdb", "wfdb", "wfdb"):
        import wfdb
    module: ModuleType = wfdb
    return module
