"""Waveform of a DICOM file: a multiplex group with all leads, its annotations, and their coded terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecgdigit_rt.formats.metadata import doubt_comments, lead_comment, page_comments
from ecgdigit_rt.formats.signal_table import (
    INVALID_SAMPLE,
    int16_from_mv,
    lead_names,
    lead_slice,
    signal_table,
)
from ecgdigit_rt.results import RATE_HZ, Digitized

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Code = tuple[str, str, str]
"""Code value, coding scheme designator and code meaning."""

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
    "V3R": ("2:11", "MDC", "Lead V3R"),
    "V4R": ("2:12", "MDC", "Lead V4R"),
    "V5R": ("2:13", "MDC", "Lead V5R"),
    "V6R": ("2:14", "MDC", "Lead V6R"),
    "V7": ("2:9", "MDC", "Lead V7"),
    "V8": ("2:66", "MDC", "Lead V8"),
    "V9": ("2:67", "MDC", "Lead V9"),
}
"""Codes of the leads, from CID 3001 (ECG Leads)."""

MICROVOLT: Code = ("uV", "UCUM", "microvolt")
"""Unit of the samples."""

LEAD_SYSTEM: Code = ("10:11345", "MDC", "Lead System")
UNSPECIFIED_LEAD_SYSTEM: Code = ("10:11264", "MDC", "Unspecified 12-lead system")
"""Concept name of the lead system, and its only value in this format, from CID 3263 (ECG Lead Placement)."""

NOTICE = (
    "Digitized from an image of a paper ECG, for research use. Samples that are not printed hold the "
    "padding value. The recording time was not read: the acquisition time is the modification time of the "
    "image file."
)
"""First line of the annotation of the page. The UIDs of all files change with this text."""

_MAX_ST_CHARS = 1024  # maximum length of a value with value representation ST (PS3.5 6.2)


def waveform(page: Digitized) -> Dataset:
    """Return the multiplex group of all leads."""
    from pydicom.dataset import Dataset

    samples = int16_from_mv(signal_table(page))
    group = Dataset()
    group.WaveformOriginality = "DERIVED"
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = samples.shape
    group.SamplingFrequency = RATE_HZ
    group.MultiplexGroupLabel = "PAPER"
    group.ChannelDefinitionSequence = [_channel(k, name) for k, name in enumerate(lead_names(page), start=1)]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.add_new("WaveformPaddingValue", "OW", INVALID_SAMPLE.to_bytes(2, "little", signed=True))
    group.add_new("WaveformData", "OW", samples.astype("<i2").tobytes())
    return group


def _channel(number: int, name: str) -> Dataset:
    from pydicom.dataset import Dataset

    channel = Dataset()
    channel.WaveformChannelNumber = number
    channel.ChannelLabel = name
    channel.ChannelSourceSequence = [code_item(LEAD_CODES[name])]
    channel.ChannelSensitivity = 1
    channel.ChannelSensitivityUnitsSequence = [code_item(MICROVOLT)]
    channel.ChannelSensitivityCorrectionFactor = 1
    channel.ChannelBaseline = 0
    channel.ChannelSampleSkew = 0
    channel.WaveformBitsStored = 16
    return channel


def waveform_annotations(page: Digitized, page_id: str) -> list[Dataset]:
    """Return an annotation for the page, one for each doubt, and one for the printed samples of each lead.

    Doubts have annotations of their own because the length of an annotation is limited.
    """
    whole_group = (1, 0)  # all channels of the first group
    texts = ["\r\n".join([NOTICE, *page_comments(page, page_id)]), *doubt_comments(page)]
    annotations = [_annotation(text, whole_group) for text in texts]
    for channel, name in enumerate(lead_names(page), start=1):
        lead = page.leads[name]
        item = _annotation(lead_comment(lead), (1, channel))
        printed = lead_slice(lead)
        item.TemporalRangeType = "SEGMENT"
        # First and last sample, counted from 1.
        item.ReferencedSamplePositions = [printed.start + 1, printed.stop]
        annotations.append(item)
    return annotations


def code_item(code: Code) -> Dataset:
    """Return a code as the item of a code sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def _annotation(text: str, channels: Sequence[int]) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.UnformattedTextValue = text[:_MAX_ST_CHARS]
    item.ReferencedWaveformChannels = list(channels)
    return item
