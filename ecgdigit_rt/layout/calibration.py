"""What a millimetre means: paper speed and gain, from their text, or from what else tells of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.layout.marks import Frame, printed, pulse_heights_mm
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.stages import GAINS, SPEEDS

USUAL_SPEED_MM_S, USUAL_GAIN_MM_MV = 25.0, 10.0
_SURE_TEXT = 0.4
_SURE_PULSES, _SURE_SPREAD_MM, _SURE_MISS = 3, 0.6, 1.25
_SLOW_MM, _SLOW_TOLERANCE_MM = 125.0, 8.0
_LEAST_PULSES = 2
_LIKE_OTHERS_MM = 1.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Paper speed and gain, and in words what of them was not read off the page."""

    speed_mm_s: float
    gain_mm_mv: float
    notes: tuple[str, ...]


def scale_of(heat: PaperHeatmap, frame: Frame, speed_mm_s: float | None, gain_mm_mv: float | None) -> Scale:
    """The page's scale. speed_mm_s, gain_mm_mv: what the user says, which is believed; None asks the page."""
    said, printed_gain = printed(heat, SPEEDS)[0], printed(heat, GAINS)[0]
    speed, gain = said, _gain(heat, frame)
    notes: list[str] = []
    if speed is None:
        speed, why = _speed_of_width(frame.end_mm - frame.start_mm)
        notes += [] if speed_mm_s else [f"{speed:g} mm/s is assumed: {why}"]
    if gain is None:
        gain = USUAL_GAIN_MM_MV
        notes += [] if gain_mm_mv else [f"{gain:g} mm/mV is assumed: neither text nor pulse tells it"]
    if speed_mm_s and said and said != speed_mm_s:
        notes.append(f"{speed_mm_s:g} mm/s was told, the page seems to say {said:g}")
    if gain_mm_mv and printed_gain and printed_gain != gain_mm_mv:
        notes.append(f"{gain_mm_mv:g} mm/mV was told, the page seems to say {printed_gain:g}")
    return Scale(speed_mm_s or speed, gain_mm_mv or gain, tuple(notes))


def _speed_of_width(width_mm: float) -> tuple[float, str]:
    """Ten seconds on 125 mm are 12.5 mm/s; any other width says nothing."""
    if abs(width_mm - _SLOW_MM) < _SLOW_TOLERANCE_MM:
        return 12.5, f"its text is not seen, and rows of {width_mm:.0f} mm would be ten seconds"
    return USUAL_SPEED_MM_S, "its text is not seen"


def is_scale_printed(heat: PaperHeatmap) -> bool:
    """Whether the page says both its paper speed and its gain, as ECGs do and letters do not."""
    return all(printed(heat, values)[0] is not None for values in (SPEEDS, GAINS))


def _gain(heat: PaperHeatmap, frame: Frame) -> float | None:
    """The gain that the calibration pulses draw, where they plainly do; else the one that is printed.

    Digits are misread now and then; three pulses of one height are not. Fewer, or vaguer ones, still help
    where the text is faint.
    """
    said, glow = printed(heat, GAINS)
    drawn, is_sure = _gain_of_pulses(pulse_heights_mm(heat, frame.lines))
    if said is not None and glow > _SURE_TEXT and not is_sure:
        return said
    return drawn or said


def _gain_of_pulses(heights_mm: list[float]) -> tuple[float | None, bool]:
    """The gain whose half most pulses' middles stand above the zero line, and whether that is beyond doubt.

    None where they are too few or of several minds.
    """
    if len(heights_mm) < _LEAST_PULSES:
        return None, False
    middle = float(np.median(heights_mm))
    spread = float(np.median(np.abs(np.array(heights_mm) - middle)))
    if middle <= 0 or spread > _LIKE_OTHERS_MM:
        return None, False
    gain = min(GAINS.values(), key=lambda gain: abs(np.log(gain / (2 * middle))))
    miss = max(gain / (2 * middle), 2 * middle / gain)
    return gain, len(heights_mm) >= _SURE_PULSES and spread < _SURE_SPREAD_MM and miss < _SURE_MISS
