"""What a millimetre means: paper speed and gain, from their text, or from what else tells of them."""

from __future__ import annotations

import numpy as np

from ecgdigit_rt.reading.marks import Frame, printed, pulse_heights_mm
from ecgdigit_rt.reading.paper_heat import PaperHeat
from ecgdigit_rt.stages import GAINS, SPEEDS

USUAL_SPEED_MM_S, USUAL_GAIN_MM_MV = 25.0, 10.0
_SURE_TEXT = 0.4
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


def gain_mm_mv(heat: PaperHeat, frame: Frame) -> float:
    """The gain that is printed; text that is not plain yields to calibration pulses that agree."""
    said, glow = printed(heat, GAINS)
    if said is not None and glow > _SURE_TEXT:
        return said
    drawn = _gain_of_pulses(pulse_heights_mm(heat, frame.lines))
    return drawn or said or USUAL_GAIN_MM_MV


def _gain_of_pulses(heights_mm: list[float]) -> float | None:
    """The gain whose half most pulses' middles stand above the zero line, if they are of one mind."""
    if len(heights_mm) < _LEAST_PULSES:
        return None
    middle = float(np.median(heights_mm))
    if middle <= 0 or np.median(np.abs(np.array(heights_mm) - middle)) > _LIKE_OTHERS_MM:
        return None
    return min(GAINS.values(), key=lambda gain: abs(np.log(gain / (2 * middle))))
