"""The waveform of a DICOM file: one multiplex group of all leads, and the annotations that tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecgdigit_rt.formats.dicom_codes import LEAD_CODES, MICROVOLT, coded
from ecgdigit_rt.formats.int16 import NOT_PRINTED, int16_from_mv
from ecgdigit_rt.formats.metadata import lead_line, page_lines
from ecgdigit_rt.formats.signal_table import RATE_HZ, lead_names, signal_table, window
from ecgdigit_rt.results import Digitized

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NOTICE = (
    "Digitized from a picture of a paper ECG, for research. Samples that were not printed hold the padding "
    "value. When the ECG was recorded was not read: the acquisition time is when its file was written."
)
_LONGEST_ST = 1024


def waveform(page: Digitized) -> Dataset:
    """The multiplex group."""
    from pydicom.dataset import Dataset

    steps = int16_from_mv(signal_table(page))
    group = Dataset()
    group.WaveformOriginality = "DERIVED"
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = steps.shape
    group.SamplingFrequency = RATE_HZ
    group.MultiplexGroupLabel = "PAPER"
    group.ChannelDefinitionSequence = [_channel(k, name) for k, name in enumerate(lead_names(page), start=1)]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.add_new("WaveformPaddingValue", "OW", NOT_PRINTED.to_bytes(2, "little", signed=True))
    group.add_new("WaveformData", "OW", steps.astype("<i2").tobytes())
    return group


def _channel(number: int, name: str) -> Dataset:
    from pydicom.dataset import Dataset

    channel = Dataset()
    channel.WaveformChannelNumber = number
    channel.ChannelLabel = name
    channel.ChannelSourceSequence = [coded(LEAD_CODES[name])]
    channel.ChannelSensitivity = 1
    channel.ChannelSensitivityUnitsSequence = [coded(MICROVOLT)]
    channel.ChannelSensitivityCorrectionFactor = 1
    channel.ChannelBaseline = 0
    channel.ChannelSampleSkew = 0
    channel.WaveformBitsStored = 16
    return channel


def waveform_annotations(page: Digitized, page_id: str) -> list[Dataset]:
    everything = (1, 0)  # the first group, all of its channels
    found = [_annotation("\r\n".join([NOTICE, *page_lines(page, page_id)]), everything)]
    for channel, name in enumerate(lead_names(page), start=1):
        lead = page.leads[name]
        item = _annotation(lead_line(lead), (1, channel))
        printed = window(lead)
        item.TemporalRangeType = "SEGMENT"
        item.ReferencedSamplePositions = [printed.start + 1, printed.stop]  # counted from 1
        found.append(item)
    return found


def _annotation(text: str, channels: Sequence[int]) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.UnformattedTextValue = text[:_LONGEST_ST]
    item.ReferencedWaveformChannels = list(channels)
    return item
