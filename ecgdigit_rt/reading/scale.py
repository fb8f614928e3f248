"""What a millimetre means: paper speed and gain, from their text, or from what else tells of them."""

from __future__ import annotations

import numpy as np

from ecgdigit_rt.reading.marks import Frame, printed, pulse_heights_mm
from ecgdigit_rt.reading.paper_heat import PaperHeat
from ecgdigit_rt.stages import GAINS, SPEEDS

USUAL_SPEED_MM_S, USUAL_GAIN_MM_MV = 25.0, 10.0
_SURE_TEXT = 0.4
_SURE_PULSES, _SURE_SPREAD_MM, _SURE_MISS = 3, 0.6, 1.25
_SLOW_MM, _SLOW_TOLERANCE_MM = 125.0, 8.0
_LEAST_PULSES = 2
_LIKE_OTHERS_MM = 1.0


def speed_mm_s(heat: PaperHeat, frame: Frame) -> float:
    """The paper speed that is printed. Without one, 125 mm of record are ten seconds at 12.5 mm/s."""
    said, _ = printed(heat, SPEEDS)
    if said is not None:
        return said
    width = frame.end_mm - frame.start_mm
    return 12.5 if abs(width - _SLOW_MM) < _SLOW_TOLERANCE_MM else USUAL_SPEED_MM_S


def is_scale_printed(heat: PaperHeat) -> bool:
    """Whether the page says both its paper speed and its gain, as ECGs do and letters do not."""
    return all(printed(heat, values)[0] is not None for values in (SPEEDS, GAINS))


def gain_mm_mv(heat: PaperHeat, frame: Frame) -> float:
    """The gain that the calibration pulses draw, where they plainly do; else the one that is printed.

    Digits are misread now and then; three pulses of one height are not. Fewer, or vaguer ones, still help
    where the text is faint.
    """
    said, glow = printed(heat, GAINS)
    drawn, is_sure = _gain_of_pulses(pulse_heights_mm(heat, frame.lines))
    if said is not None and glow > _SURE_TEXT and not is_sure:
        return said
    return drawn or said or USUAL_GAIN_MM_MV


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
