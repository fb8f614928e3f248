"""Paper speed and gain, from printed text, calibration pulses or the width of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.layout.marks import RowFrame, printed_value, pulse_heights_mm
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.stages import GAINS, SPEEDS

STANDARD_SPEED_MM_S, STANDARD_GAIN_MM_MV = 25.0, 10.0
"""Paper speed and gain of a standard recording (AHA/ACC/HRS recommendations, Kligfield et al., 2007)."""

_SLOW_SPEED_MM_S = 12.5
_SLOW_ROW_MM = 125.0
"""Slow paper speed and the width of ten seconds at this speed. Nearly all records are ten seconds long."""

# Hand-picked, not tuned.
_SLOW_TOLERANCE_MM = 8.0  # maximum deviation of the rows from `_SLOW_ROW_MM`
_CLEAR_TEXT = 0.4  # activation above which a printed gain overrides unclear pulses
_MIN_PULSES = 2  # minimum number of pulses that determine a gain
_MAX_SPREAD_MM = 1.0  # maximum median absolute deviation of the pulses' heights
_CLEAR_PULSES = 3  # minimum number of clear pulses, which override a printed gain
_CLEAR_SPREAD_MM = 0.6  # maximum median absolute deviation of the heights of clear pulses
_CLEAR_RATIO = 1.25  # maximum ratio between the gain of clear pulses and the nearest standard gain


@dataclass(frozen=True, slots=True)
class Calibration:
    """Paper speed and gain.

    `notes` lists values that were assumed, and overrides that contradict the page.
    """

    speed_mm_s: float
    gain_mm_mv: float
    notes: tuple[str, ...]


def read_calibration(
    heatmap: PaperHeatmap, frame: RowFrame, speed_mm_s: float | None, gain_mm_mv: float | None
) -> Calibration:
    """Return the page's paper speed and gain.

    `speed_mm_s` and `gain_mm_mv` override the values on the page, unless they are None.
    """
    printed_speed, printed_gain = printed_value(heatmap, SPEEDS)[0], printed_value(heatmap, GAINS)[0]
    speed, gain = printed_speed, _detected_gain(heatmap, frame)
    notes: list[str] = []
    if speed is None:
        speed, reason = _speed_from_width(frame.end_mm - frame.start_mm)
        notes += [] if speed_mm_s else [f"{speed:g} mm/s assumed: {reason}"]
    if gain is None:
        gain = STANDARD_GAIN_MM_MV
        reason = "neither a printed gain nor a calibration pulse detected"
        notes += [] if gain_mm_mv else [f"{gain:g} mm/mV assumed: {reason}"]
    if speed_mm_s and printed_speed and printed_speed != speed_mm_s:
        notes.append(f"{speed_mm_s:g} mm/s specified, but {printed_speed:g} mm/s detected on the page")
    if gain_mm_mv and printed_gain and printed_gain != gain_mm_mv:
        notes.append(f"{gain_mm_mv:g} mm/mV specified, but {printed_gain:g} mm/mV detected on the page")
    return Calibration(speed_mm_s or speed, gain_mm_mv or gain, tuple(notes))


def _speed_from_width(width_mm: float) -> tuple[float, str]:
    """Return the assumed speed and the reason: 12.5 mm/s for rows of about 125 mm, otherwise 25 mm/s."""
    if abs(width_mm - _SLOW_ROW_MM) < _SLOW_TOLERANCE_MM:
        return (
            _SLOW_SPEED_MM_S,
            f"no printed paper speed detected, and at this speed rows of {width_mm:.0f} mm last 10 s",
        )
    return STANDARD_SPEED_MM_S, "no printed paper speed detected"


def is_scale_printed(heatmap: PaperHeatmap) -> bool:
    """Return whether both a paper speed and a gain are printed: evidence that the document is an ECG."""
    return all(printed_value(heatmap, scale)[0] is not None for scale in (SPEEDS, GAINS))


def _detected_gain(heatmap: PaperHeatmap, frame: RowFrame) -> float | None:
    """Return the gain from calibration pulses or text, or None if neither is detected.

    Sources in order of preference: clear pulses, clear text, unclear pulses, faint text. Printed digits are
    sometimes misread, whereas three pulses of equal height are reliable.
    """
    printed, activation = printed_value(heatmap, GAINS)
    pulse_gain, is_clear = _gain_from_pulses(pulse_heights_mm(heatmap, frame.baselines))
    if printed is not None and activation > _CLEAR_TEXT and not is_clear:
        return printed
    return pulse_gain or printed


def _gain_from_pulses(heights_mm: list[float]) -> tuple[float | None, bool]:
    """Return the standard gain nearest to twice the median height, and whether the pulses are clear.

    `heights_mm` are the heights of the pulses' centres. The gain is None if there are too few pulses or if
    their heights disagree.
    """
    if len(heights_mm) < _MIN_PULSES:
        return None, False
    middle = float(np.median(heights_mm))
    spread = float(np.median(np.abs(np.array(heights_mm) - middle)))
    if middle <= 0 or spread > _MAX_SPREAD_MM:
        return None, False
    gain = min(GAINS.values(), key=lambda gain: abs(np.log(gain / (2 * middle))))
    ratio = max(gain / (2 * middle), 2 * middle / gain)
    is_clear = len(heights_mm) >= _CLEAR_PULSES and spread < _CLEAR_SPREAD_MM and ratio < _CLEAR_RATIO
    return gain, is_clear
