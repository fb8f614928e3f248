"""`dicom`: NAME.dcm per page, a DICOM waveform with all leads in one multiplex group at 500 Hz.

A page with all twelve leads is a 12-Lead ECG (at most 16384 samples, PS3.3 A.34.3), any other a General
ECG. Units are microvolt, one step each. Where nothing was printed stands the Waveform Padding Value,
-32768. A group for every three leads that are printed together would need no padding, and most readers
look for all leads in the first group. Annotations tell the rest: one for the page, one with each window.

Nothing is made up: what the standard lets be empty and the page does not tell is empty. Acquisition
DateTime may not be empty; it is when the picture's file was written, and the first annotation says so.
The same page read the same way gives the same file, with the same UIDs.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.formats.dicom_codes import LEAD_SYSTEM, UNSPECIFIED_LEAD_SYSTEM, coded
from ecgdigit_rt.formats.dicom_waveform import waveform, waveform_annotations
from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.page_folder import PageFolder
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import LEADS, Digitized

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_SAMPLES = 16384
"""Of a 12-Lead ECG; a General ECG may have any number."""

_LONGEST_LO = 64


def dicom_folder(to: OutputDestination) -> PageFolder:
    """Raises DependencyMissing."""
    with missing_dependency_as_error("--format dicom", "pydicom", "dicom"):
        import pydicom  # noqa: F401 to know before the first page
    return PageFolder(to.path, _write_page, (".dcm",))


def _write_page(folder: Path, page_id: str, page: Digitized) -> None:
    path = folder / f"{file_stem(page_id)}.dcm"
    with atomic_file(path) as partial, reraise_as_output_error(path):
        dicom_from_page(page, page_id).save_as(partial, enforce_file_format=True)


def dicom_from_page(page: Digitized, page_id: str = "") -> Dataset:
    """The whole file as a pydicom Dataset. Its UIDs come from what is in it."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import (
        ExplicitVRLittleEndian,
        GeneralECGWaveformStorage,
        TwelveLeadECGWaveformStorage,
    )

    group = waveform(page)
    is_twelve_lead = lead_names(page) == list(LEADS) and group.NumberOfWaveformSamples <= MOST_SAMPLES
    out = Dataset()
    out.SpecificCharacterSet = "ISO_IR 192"
    out.SOPClassUID = TwelveLeadECGWaveformStorage if is_twelve_lead else GeneralECGWaveformStorage
    _add_unknown(out)
    _add_maker(out, page)
    out.Modality = "ECG"
    out.SeriesDescription = "Digitized from a picture of paper"
    out.InstanceNumber = page.source.page + 1
    when = _written(page.source.path)
    out.ContentDate, out.ContentTime = f"{when:%Y%m%d}", f"{when:%H%M%S}"
    out.AcquisitionDateTime = f"{when:%Y%m%d%H%M%S%z}"
    out.AcquisitionContextSequence = [_lead_system()] if is_twelve_lead else []
    out.WaveformSequence = [group]
    out.WaveformAnnotationSequence = waveform_annotations(page, page_id)
    _add_uids(out)
    out.file_meta = FileMetaDataset()
    out.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return out


def _written(path: Path) -> datetime:
    """When the picture's file was last written; of a picture that is no file, now."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except OSError:
        return datetime.now().astimezone()


def _add_uids(out: Dataset) -> None:
    """UIDs below 2.25, as PS3.5 B.2 has it: a file that says the same is the same instance."""
    content = hashlib.sha256(out.to_json().encode()).hexdigest()
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(out, keyword, f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{keyword} {content}').int}")


def _add_unknown(out: Dataset) -> None:
    """Elements that have to stand there and that a picture does not tell."""
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
        "ReferringPhysicianName", "AccessionNumber", "SeriesNumber",
    ):  # fmt: skip
        setattr(out, keyword, None)


def _add_maker(out: Dataset, page: Digitized) -> None:
    out.Manufacturer = "ecgdigit-rt"
    if page.provenance is not None:
        provenance = page.provenance
        out.ManufacturerModelName = provenance.models[:_LONGEST_LO]
        out.SoftwareVersions = [
            text[:_LONGEST_LO] for text in (provenance.software, provenance.models, provenance.device)
        ]


def _lead_system() -> Dataset:
    """How electrodes were placed (TID 3401): the picture does not tell."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ValueType = "CODE"
    item.ConceptNameCodeSequence = [coded(LEAD_SYSTEM)]
    item.ConceptCodeSequence = [coded(UNSPECIFIED_LEAD_SYSTEM)]
    return item
