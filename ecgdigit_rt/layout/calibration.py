"""Paper speed and gain: the values with the best evidence, and doubts about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.layout.hypotheses import Hypothesis
from ecgdigit_rt.layout.marks import printed_value
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap
from ecgdigit_rt.layout.scale_evidence import ScaleEvidence, gain_evidence, speed_evidence
from ecgdigit_rt.stages import GAINS, SPEEDS, STANDARD_GAIN_MM_MV, STANDARD_SPEED_MM_S

_MIN_SPEED_MARGIN, _MIN_GAIN_MARGIN = 2.0, 1.5
"""Points by which the best speed and the best gain must exceed the second one. Measured on 490 synthetic
pages: 42 speeds are wrong, and 26 of these are below the limit, with 33 right ones. 35 gains are wrong, and
14 of these are below the limit, with 25 right ones. Of 122 real and rendered pages, one speed is below the
limit."""
_MIN_ASSUMED_MARGIN = 4.0
"""The same for a value other than the standard one that is not printed. Hand-picked: slow hearts with wide
QRS complexes exist, and look like usual ones at twice the paper speed."""
_CONTRADICTION = 4.0
"""Points by which another value must exceed a specified one to contradict it. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Paper speed and gain, and the evidence for all standard values.

    `notes` lists values that were assumed, and overrides that contradict the page. `doubts` lists values that
    are not clear, and clear contradictions.
    """

    speed_mm_s: float
    gain_mm_mv: float
    notes: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    speed: ScaleEvidence
    gain: ScaleEvidence


def read_calibration(
    text: PageText,
    best: Hypothesis,
    pulses_mm: Sequence[float],
    speed_mm_s: float | None = None,
    gain_mm_mv: float | None = None,
) -> Calibration:
    """Return the paper speed and the gain of a page with this layout.

    `pulses_mm` are the heights of the centres of the calibration pulses. `speed_mm_s` and `gain_mm_mv`
    override the values on the page, unless they are None.
    """
    speed = speed_evidence(text, best)
    gain = gain_evidence(text, best, pulses_mm)
    contradictory = text.facts.contradictory
    values = (
        _SPEED.value(speed, speed_mm_s, is_contradictory="speed_mm_s" in contradictory),
        _GAIN.value(gain, gain_mm_mv, is_contradictory="gain_mm_mv" in contradictory),
    )
    return Calibration(
        values[0].value,
        values[1].value,
        tuple(note for value in values for note in value.notes),
        tuple(doubt for value in values for doubt in value.doubts),
        speed,
        gain,
    )


def is_scale_printed(heatmap: PaperHeatmap) -> bool:
    """Return whether both a paper speed and a gain are printed: evidence that the document is an ECG."""
    return all(printed_value(heatmap, scale)[0] is not None for scale in (SPEEDS, GAINS))


@dataclass(frozen=True, slots=True)
class _Value:
    """Value with notes and doubts about it."""

    value: float
    notes: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class _Quantity:
    """Paper speed or gain: id of its doubts, unit, standard value, limit, and note for pages without it."""

    doubt_id: str
    unit: str
    standard: float
    min_margin: float
    missing: str

    def value(self, found: ScaleEvidence, specified: float | None, *, is_contradictory: bool) -> _Value:
        """Return the specified value, or the best one. `is_contradictory`: several values are printed."""
        if specified:
            message = self._contradiction(found, specified)
            return (
                _Value(specified, (message,), (Doubt(self.doubt_id, message),))
                if message
                else _Value(specified)
            )
        best, second, *_ = found.ranked
        notes = () if found.is_printed else (f"{best:g} {self.unit} assumed: {self.missing}",)
        if is_contradictory:
            message = f"Different values in {self.unit} are printed on the page"
        elif found.stated not in (None, best):
            reasons = found.reasons(best, found.stated) if found.stated in found.by_value else ""
            message = (
                f"The text states {found.stated:g} {self.unit}, but the page indicates {best:g} {self.unit}"
            )
            message += f": {reasons}" if reasons else ""
        elif found.margin < self._min_margin(found):
            reasons = found.reasons(second, best)
            message = f"{best:g} {self.unit} is not clearly better than {second:g} {self.unit}"
            message += f" ({reasons})" if reasons else ""
        else:
            return _Value(best, notes)
        return _Value(best, notes, (Doubt(self.doubt_id, message),))

    def _min_margin(self, found: ScaleEvidence) -> float:
        is_assumed = not found.is_printed and found.ranked[0] != self.standard
        return _MIN_ASSUMED_MARGIN if is_assumed else self.min_margin

    def _contradiction(self, found: ScaleEvidence, specified: float) -> str:
        """Return the contradiction of a specified value, regardless of how frequent the values are."""
        if specified not in found.by_value:
            return ""
        other = max(found.by_value, key=lambda value: found.points(value, "prior"))
        if found.points(other, "prior") - found.points(specified, "prior") <= _CONTRADICTION:
            return ""
        reasons = found.reasons(other, specified)
        return f"{specified:g} {self.unit} specified, but the page indicates {other:g} {self.unit}: {reasons}"


_SPEED = _Quantity(
    "D-SPEED-01", "mm/s", STANDARD_SPEED_MM_S, _MIN_SPEED_MARGIN, "no printed paper speed detected"
)
_GAIN = _Quantity(
    "D-GAIN-01",
    "mm/mV",
    STANDARD_GAIN_MM_MV,
    _MIN_GAIN_MARGIN,
    "neither a printed gain nor a calibration pulse detected",
)
