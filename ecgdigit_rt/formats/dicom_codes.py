"""Coded terms of DICOM waveforms: value, coding scheme, meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Code = tuple[str, str, str]

LEAD_CODES: dict[str, Code] = {
    "I": ("2:1", "MDC", "Lead I"),
    "II": ("2:2", "MDC", "Lead II"),
    "III": ("2:61", "MDC", "Lead III"),
    "aVR": ("2:62", "MDC", "aVR, augmented voltage, right"),
    "aVL": ("2:63", "MDC", "aVL, augmented voltage, left"),
    "aVF": ("2:64", "MDC", "aVF, augmented voltage, foot"),
    "V1": ("2:3", "MDC", "Lead V1"),
    "V2": ("2:4", "MDC", "Lead V2"),
    "V3": ("2:5", "MDC", "Lead V3"),
    "V4": ("2:6", "MDC", "Lead V4"),
    "V5": ("2:7", "MDC", "Lead V5"),
    "V6": ("2:8", "MDC", "Lead V6"),
}
"""CID 3001, ECG Leads."""

MICROVOLT: Code = ("uV", "UCUM", "microvolt")

LEAD_SYSTEM: Code = ("10:11345", "MDC", "Lead System")
UNSPECIFIED_LEAD_SYSTEM: Code = ("10:11264", "MDC", "Unspecified 12-lead system")
"""CID 3263, ECG Lead Placement."""


def coded(code: Code) -> Dataset:
    """The item of a code sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item
