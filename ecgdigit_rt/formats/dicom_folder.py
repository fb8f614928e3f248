"""Format `dicom`: one file NAME.dcm per page.

The file is a DICOM waveform at 500 Hz with all leads in one multiplex group. A page with all twelve leads and
at most 16384 samples (the limit of PS3.3 A.34.3) is stored as a 12-Lead ECG, any other page as a General ECG.
The channel sensitivity is one microvolt per sample unit. Samples outside the printed part of a lead have the
Waveform Padding Value, -32768. Separate groups of three simultaneous leads would need no padding, but a
reader that uses only the first group would then lose the other leads. Annotations contain the metadata: one
annotation for the page, one for each doubt, and one for the printed samples of each lead.

No value is invented: an element whose value is unknown is empty where the standard allows it. Acquisition
DateTime must not be empty. It is the modification time of the image file, as the first annotation explains.
If the image is not a file, it is the current time, although the annotation has the same text. If an unchanged
image file is digitized again, with an equal result and under the same path, the new DICOM file is identical,
including its UIDs.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.formats.dicom_waveform import (
    LEAD_SYSTEM,
    UNSPECIFIED_LEAD_SYSTEM,
    code_item,
    waveform,
    waveform_annotations,
)
from ecgdigit_rt.formats.page_folder import PageFolder, file_stem
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import LEADS, Digitized

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAX_TWELVE_LEAD_SAMPLES = 16384
"""Maximum number of samples per channel of a 12-Lead ECG (PS3.3 A.34.3). A General ECG has no limit."""

_MAX_LO_CHARS = 64  # maximum length of a value with value representation LO (PS3.5 6.2)


def open_writer(destination: OutputDestination) -> PageFolder:
    """Return the page writer of this format. Raises DependencyMissing if pydicom is not installed."""
    with missing_dependency_as_error("--format dicom", "pydicom", "dicom"):
        import pydicom  # noqa: F401 to fail before the first page
    return PageFolder(destination.path, _write_page, (".dcm",))


def dicom_from_page(page: Digitized, page_id: str = "") -> Dataset:
    """Return the complete file as a pydicom Dataset. Its UIDs are derived from its content."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import (
        ExplicitVRLittleEndian,
        GeneralECGWaveformStorage,
        TwelveLeadECGWaveformStorage,
    )

    group = waveform(page)
    is_short = group.NumberOfWaveformSamples <= MAX_TWELVE_LEAD_SAMPLES
    is_twelve_lead = lead_names(page) == list(LEADS) and is_short
    out = Dataset()
    out.SpecificCharacterSet = "ISO_IR 192"
    out.SOPClassUID = TwelveLeadECGWaveformStorage if is_twelve_lead else GeneralECGWaveformStorage
    _add_unknown_elements(out)
    _add_equipment(out, page)
    out.Modality = "ECG"
    out.SeriesDescription = "Digitized from an image of a paper ECG"
    out.InstanceNumber = page.source.page + 1
    time = _acquisition_time(page.source.path)
    out.ContentDate, out.ContentTime = f"{time:%Y%m%d}", f"{time:%H%M%S}"
    out.AcquisitionDateTime = f"{time:%Y%m%d%H%M%S%z}"
    out.AcquisitionContextSequence = [_lead_system()] if is_twelve_lead else []
    out.WaveformSequence = [group]
    out.WaveformAnnotationSequence = waveform_annotations(page, page_id)
    _add_uids(out)
    out.file_meta = FileMetaDataset()
    out.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return out


def _write_page(folder: Path, page_id: str, page: Digitized) -> None:
    path = folder / f"{file_stem(page_id)}.dcm"
    with atomic_file(path) as partial, reraise_as_output_error(path):
        dicom_from_page(page, page_id).save_as(partial, enforce_file_format=True)


def _acquisition_time(path: Path) -> datetime:
    """Return the modification time of the image file, or the current time if there is no such file."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except OSError:
        return datetime.now().astimezone()


def _add_uids(out: Dataset) -> None:
    """Derive UIDs under the root 2.25 (PS3.5 B.2) from the content: equal content has equal UIDs."""
    content = hashlib.sha256(out.to_json().encode()).hexdigest()
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(out, keyword, f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{keyword} {content}').int}")


def _add_unknown_elements(out: Dataset) -> None:
    """Add empty elements: they must be present, but their values are unknown."""
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
        "ReferringPhysicianName", "AccessionNumber", "SeriesNumber",
    ):  # fmt: skip
        setattr(out, keyword, None)


def _add_equipment(out: Dataset, page: Digitized) -> None:
    out.Manufacturer = "ecgdigit-rt"
    if page.provenance is not None:
        provenance = page.provenance
        out.ManufacturerModelName = provenance.models[:_MAX_LO_CHARS]
        out.SoftwareVersions = [
            text[:_MAX_LO_CHARS] for text in (provenance.software, provenance.models, provenance.device)
        ]


def _lead_system() -> Dataset:
    """Return the lead system (TID 3401), which is "unspecified" because it is not printed on the page."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ValueType = "CODE"
    item.ConceptNameCodeSequence = [code_item(LEAD_SYSTEM)]
    item.ConceptCodeSequence = [code_item(UNSPECIFIED_LEAD_SYSTEM)]
    return item
