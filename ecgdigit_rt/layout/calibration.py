"""Paper speed and gain, from printed text, calibration pulses or the width of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.layout.marks import RowFrame, printed_value, pulse_heights_mm
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.stages import GAINS, SPEEDS, STANDARD_GAIN_MM_MV, STANDARD_SPEED_MM_S

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


_CONTRADICTION = 0.4  # activation from which a value on the page contradicts a specified one. Hand-picked.


@dataclass(frozen=True, slots=True)
class Calibration:
    """Paper speed and gain.

    `notes` lists values that were assumed, and overrides that contradict the page. `doubts` lists clear
    contradictions. `speed_source` is `clear` if the speed was specified or read clearly, or if it is the
    standard speed, `faint` if another speed was read faintly, and `assumed` if none was read.
    """

    speed_mm_s: float
    gain_mm_mv: float
    notes: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    speed_source: str


@dataclass(frozen=True, slots=True)
class _Printed:
    """Printed value, None if there is none, and whether it is clear."""

    value: float | None
    is_clear: bool


def read_calibration(
    text: PageText, frame: RowFrame, speed_mm_s: float | None, gain_mm_mv: float | None
) -> Calibration:
    """Return the page's paper speed and gain.

    `speed_mm_s` and `gain_mm_mv` override the values on the page, unless they are None. Words override the
    heatmaps of the locate stage.
    """
    heatmap, facts = text.heatmap, text.facts
    speed = _printed(facts.speed_mm_s, heatmap, SPEEDS)
    if text.is_recognized and not speed.is_clear and speed.value != STANDARD_SPEED_MM_S:
        speed = _Printed(None, is_clear=False)  # text recognition found no speed
    gain = _printed(facts.gain_mm_mv, heatmap, GAINS)
    heights_mm = pulse_heights_mm(heatmap, frame.baselines)
    detected_gain = facts.gain_mm_mv or _detected_gain(heatmap, heights_mm)
    notes: list[str] = []
    assumed_speed, reason = _speed_from_width(frame.end_mm - frame.start_mm)
    if speed.value is None and not speed_mm_s:
        notes.append(f"{assumed_speed:g} mm/s assumed: {reason}")
    if detected_gain is None and not gain_mm_mv:
        reason = "neither a printed gain nor a calibration pulse detected"
        notes.append(f"{STANDARD_GAIN_MM_MV:g} mm/mV assumed: {reason}")
    doubts: list[Doubt] = []
    for specified, printed, unit, doubt_id in (
        (speed_mm_s, speed, "mm/s", "D-SPEED-01"),
        (gain_mm_mv, gain, "mm/mV", "D-GAIN-01"),
    ):
        if specified and printed.value and printed.value != specified:
            message = f"{specified:g} {unit} specified, but {printed.value:g} {unit} detected on the page"
            notes.append(message)
            doubts += [Doubt(doubt_id, message)] if printed.is_clear else []
    if not gain_mm_mv:
        doubts += _pulse_doubts(gain.value, heights_mm)
    if "speed_mm_s" in facts.contradictory and not speed_mm_s:
        doubts.append(Doubt("D-SPEED-01", "Different paper speeds are printed on the page"))
    if "gain_mm_mv" in facts.contradictory and not gain_mm_mv:
        doubts.append(Doubt("D-GAIN-01", "Different gains are printed on the page"))
    return Calibration(
        speed_mm_s or speed.value or assumed_speed,
        gain_mm_mv or detected_gain or STANDARD_GAIN_MM_MV,
        tuple(notes),
        tuple(doubts),
        speed_source=_speed_source(speed_mm_s, speed),
    )


def _speed_source(specified: float | None, printed: _Printed) -> str:
    if specified or printed.is_clear or printed.value == STANDARD_SPEED_MM_S:
        return "clear"
    return "assumed" if printed.value is None else "faint"


def _printed(from_words: float | None, heatmap: PaperHeatmap, scale: Mapping[str, float]) -> _Printed:
    if from_words is not None:
        return _Printed(from_words, is_clear=True)
    value, activation = printed_value(heatmap, scale)
    return _Printed(value, value is not None and activation > _CONTRADICTION)


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


def _pulse_doubts(printed: float | None, heights_mm: list[float]) -> list[Doubt]:
    """Return the doubts about a gain that calibration pulses contradict. `printed` is the printed gain.

    Measured on 296 pages: printed gain and pulses disagree on 4, of which 2 gains are wrong.
    """
    pulse_gain, _ = _gain_from_pulses(heights_mm)
    if printed is not None and pulse_gain is not None and pulse_gain != printed:
        text = f"{printed:g} mm/mV is printed, but the calibration pulses show {pulse_gain:g} mm/mV"
        return [Doubt("D-GAIN-01", text)]
    if printed is None and pulse_gain is None:
        gains = {gain for height in heights_mm for gain in GAINS.values() if _is_near(gain, 2 * height)}
        if gains - {STANDARD_GAIN_MM_MV}:
            text = f"{STANDARD_GAIN_MM_MV:g} mm/mV is assumed, but a calibration pulse shows another gain"
            return [Doubt("D-GAIN-01", text)]
    return []


def _is_near(gain_mm_mv: float, height_mm: float) -> bool:
    return height_mm > 0 and max(gain_mm_mv / height_mm, height_mm / gain_mm_mv) < _CLEAR_RATIO


def _detected_gain(heatmap: PaperHeatmap, heights_mm: list[float]) -> float | None:
    """Return the gain from calibration pulses or text, or None if neither is detected.

    `heights_mm` are the heights of the pulses' centres.

    Sources in order of preference: clear pulses, clear text, unclear pulses, faint text. Printed digits are
    sometimes misread, whereas three pulses of equal height are reliable.
    """
    printed, activation = printed_value(heatmap, GAINS)
    pulse_gain, is_clear = _gain_from_pulses(heights_mm)
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
